import { describe, expect, it } from 'vitest';
import { imageEnv, parseConfig, resolveUser } from '../../../lib/image/config.js';

const passwd =
  'root:x:0:0::/root:/bin/sh\nbroken\nodd:x:y:z\nwww:x:33:34::/var/www:/x\n1000:x:7:8::/seven:/x\n';
const group = 'root:x:0:\nstaff:x:50:\n55:x:9:\n';

describe('an image’s user', () => {
  it.each<[string, number, number]>([
    ['', 0, 0],
    ['www', 33, 34],
    ['33', 33, 34],
    ['99', 99, 0],
    ['1000', 7, 8], // a name before a number
    ['www:staff', 33, 50],
    ['www:77', 33, 77],
    ['5:55', 5, 9],
    ['5:6', 5, 6],
    [':staff', 0, 50],
  ])('%s', (user, uid, gid) => {
    expect(resolveUser(user, passwd, group)).toEqual({ uid, gid });
  });

  it.each(['nobody', 'odd', '99999999999', '-1', 'www:nogroup', '4294967295', '5:4294967295'])(
    '%s is refused',
    (user) => {
      expect(() => resolveUser(user, passwd, group)).toThrow(
        expect.objectContaining({ code: 'ERR_IMAGE_INVALID' }),
      );
    },
  );

  it('without /etc/passwd', () => {
    expect(resolveUser('', '', '')).toEqual({ uid: 0, gid: 0 });
    expect(resolveUser('5:6', '', '')).toEqual({ uid: 5, gid: 6 });
  });
});

it('the environment is the image’s, with PATH and HOME', () => {
  const config = parseConfig(Buffer.from('{"rootfs":{},"config":{"Env":["A=b=c","=x","no","E="]}}')).config;
  expect(imageEnv(config, 33, passwd)).toEqual({
    PATH: expect.stringContaining('/usr/bin'),
    HOME: '/var/www',
    A: 'b=c',
    E: '',
  });
  expect(imageEnv({ ...config, env: ['HOME=/h', 'PATH=/p'] }, 12, passwd)).toEqual({
    PATH: '/p',
    HOME: '/h',
  });
  expect(imageEnv(config, 12, passwd).HOME).toBe('/');
});

it('the configuration, complete, empty and wrong', () => {
  expect(parseConfig(Buffer.from('{"rootfs":{"diff_ids":[]}}'))).toEqual({
    config: { env: [], workingDir: '/', user: '', entrypoint: [], cmd: [], labels: {} },
    diffIds: [],
  });
  expect(
    parseConfig(Buffer.from('{"rootfs":{},"config":{"Cmd":"one","WorkingDir":"w"}}')).config,
  ).toMatchObject({ cmd: ['one'], workingDir: '/w' });
  for (const wrong of [
    '',
    '[]',
    '{}',
    '{"rootfs":{},"config":{"Env":"x"}}',
    '{"rootfs":{"diff_ids":["x"]}}',
    '{"rootfs":{},"config":{"Labels":{"a":5}}}',
  ])
    expect(() => parseConfig(Buffer.from(wrong))).toThrow(
      expect.objectContaining({ code: 'ERR_IMAGE_INVALID' }),
    );
});
