/** Each example does what it says. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

function example(
  name: string,
  ...args: string[]
): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['scripts/example.mjs', name, ...args],
      { cwd: root },
      (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}

const expected: Record<string, RegExp[]> = {
  'code-interpreter': [
    /^arithmetic: done \(332833500\)$/m,
    /^files: done \[wettest\.txt: Oslo,120\]$/m,
    /^node: done \(1,2,3\)$/m,
    /^an error: failed \(ZeroDivisionError: division by zero\)$/m,
    /^for ever: timeout$/m,
    /^too much: too much output /m,
    /^the network: failed \(OSError: .*Network is unreachable\)$/m,
  ],
  'compare-isolations': [
    /^\| Attack \| native \| (bwrap \| )?barchan:compat \| barchan:default \| barchan:strict \|$/m,
    /^\| cve\/trace_me \| 1 of 1 worked \| (.+ \| )?stopped by gate \| stopped by policy \| stopped by policy \|$/m,
    /^\| landlock\/abstract_socket \| not run \| (.+ \| )?stopped by landlock \| stopped by landlock \| stopped by policy \|$/m,
    /^\| network\/host_services \| not run \| (.+ \| )?stopped by namespace \| stopped by namespace \| stopped by policy \|$/m,
    /^network\/host_services was not run in native: without isolation it is not safe, or means nothing$/m,
  ],
  'install-script': [
    /^left-trim 1\.0\.0: status 0, contained: true, built: true$/m,
    /^left-trim 1\.0\.1: status 0, contained: true, built: true$/m,
    /^new, read: "\/opt\/home\/\.ssh\/id_ed25519"$/m,
    /^new, network: "name collector\.test A"$/m,
    /^sent to collector\.test: "GET \/\?a%20key HTTP\/1\.1"$/m,
  ],
  judge: [
    /^right: accepted$/m,
    /^overflows: wrong answer, case 2$/m,
    /^does not compile: compile error \(.*error: .*\)$/m,
    /^never ends: time limit exceeded, case 1$/m,
    /^takes all memory: memory limit exceeded, case 1$/m,
    /^writes without end: output limit exceeded, case 1$/m,
    /^crashes: runtime error, case 1 \(SIGSEGV\)$/m,
    /^makes processes: runtime error, case 1 \(SIGABRT\)$/m,
    /^opens files: runtime error, case 1 \(exit status 3\)$/m,
  ],
  'plug-in-host': [
    /^shout: "HELLO"\nprice: \{"granted":3\}\nsecret: \{"refused":"readFile"\}\nfly: error: there is no fly$/m,
    /^hang: error: the plug-in was ended: hang took longer than 3000 ms\nshout: "STILL HERE"$/m,
    /^steal: error: the plug-in was ended: it ended \(1\)\nshout: "AND AGAIN"\nstarted 3 times$/m,
  ],
  'service-upgrade': [
    /^answers: \["monday: wash the sails","friday: there is no such note"\]\nthe same from version 2: true$/m,
    /^version 1: nothing new$/m,
    /^version 2: it does something new$/m,
    /^ {2}read: "\/srv\/key"$/m,
    /^ {2}network: "send 192\.0\.2\.9:8125"$/m,
    /^ {2}syscalls: "sendto"$/m,
  ],
  'virtual-world': [/^report: inventory\.internal\/items has sand and wind\n$/],
};

describe('examples', () => {
  it('are all tested', () => {
    const names = readdirSync(`${root}examples`).map((file) => file.replace(/\.ts$/, ''));
    expect(names).toEqual(Object.keys(expected));
  });

  it.each(Object.entries(expected))('%s', async (name, patterns) => {
    const { code, stdout, stderr } = await example(name);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    for (const pattern of patterns) expect(stdout).toMatch(pattern);
  });

  it('take arguments', async () => {
    const { stdout } = await example('code-interpreter', 'python', 'print(6 * 7)');
    expect(JSON.parse(stdout)).toMatchObject({ status: 'done', stdout: '42\n', stderr: '', files: {} });
    expect((await example('no-such')).code).toBe(2);
  });
});
