/**
 * A host for plug-ins that nobody has read: `npm run example -- plug-in-host`.
 *
 * A plug-in is a program that lives for long and answers requests: a JSON object on a line of its standard input is one, a line
 * of its standard output the answer. It has no network and no files of ours, and what it asks for beyond that goes through
 * requests of its own, which the host may grant. One that hangs, breaks the protocol or dies is replaced.
 */
import { createInterface } from 'node:readline';
import { type PipedProcess, Sandbox } from 'barchan';

/** What plug-ins may ask the host for. */
export type Services = Record<string, (argument: unknown) => unknown>;

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

const answerWithinMs = 3000;
const longestLine = 64 * 1024;

export class PlugIn implements AsyncDisposable {
  readonly #box: Sandbox;
  readonly #argv: readonly string[];
  readonly #services: Services;
  readonly #waiting = new Map<number, Waiting>();
  #process: Promise<PipedProcess> | undefined;
  #current: PipedProcess | undefined;
  #last = 0;
  /** How often it was started. */
  starts = 0;

  private constructor(box: Sandbox, argv: readonly string[], services: Services) {
    this.#box = box;
    this.#argv = argv;
    this.#services = services;
  }

  static async load(argv: readonly string[], services: Services = {}): Promise<PlugIn> {
    const box = await Sandbox.create({ network: 'none', env: { PATH: '/usr/bin:/bin' } });
    return new PlugIn(box, argv, services);
  }

  /** Rejects when the plug-in answers with an error, does not answer in time, or ends. */
  async call(method: string, argument: unknown): Promise<unknown> {
    this.#process ??= this.#start();
    const guest = await this.#process;
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#replace(guest, `${method} took longer than ${answerWithinMs} ms`),
        answerWithinMs,
      );
      this.#waiting.set(id, { resolve, reject, timer });
      guest.stdin.write(`${JSON.stringify({ id, method, argument })}\n`);
    });
  }

  async #start(): Promise<PipedProcess> {
    this.starts++;
    const guest = await this.#box.spawn(this.#argv);
    this.#current = guest;
    guest.stdin.on('error', () => {}); // its end is noticed below
    guest.stderr.resume();
    let length = 0;
    guest.stdout.on('data', (bytes: Buffer) => {
      length = bytes.includes('\n') ? 0 : length + bytes.length;
      if (length > longestLine) this.#replace(guest, 'it wrote a line without an end');
    });
    createInterface(guest.stdout).on('line', (line) => {
      try {
        this.#take(guest, JSON.parse(line));
      } catch {
        this.#replace(guest, 'it broke the protocol');
      }
    });
    guest.exited.then(
      ({ exitCode, signal }) => this.#replace(guest, `it ended (${signal ?? exitCode})`),
      (error: Error) => this.#replace(guest, error.message),
    );
    return guest;
  }

  #take(
    guest: PipedProcess,
    message: { id: number; result?: unknown; error?: string; ask?: string; argument?: unknown },
  ): void {
    if (message.ask !== undefined) {
      // Own services only, not what every object has.
      const service = Object.hasOwn(this.#services, message.ask) ? this.#services[message.ask] : undefined;
      const reply = service ? { granted: service(message.argument) } : { refused: message.ask };
      guest.stdin.write(`${JSON.stringify(reply)}\n`);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    if (!waiting) throw new Error('an answer to nothing');
    this.#waiting.delete(message.id);
    clearTimeout(waiting.timer);
    if (message.error === undefined) waiting.resolve(message.result);
    else waiting.reject(new Error(String(message.error)));
  }

  /** Ends this process; the next call starts another. */
  #replace(guest: PipedProcess, why: string): void {
    if (guest !== this.#current) return; // ended before
    this.#current = undefined;
    void guest.end();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#process = undefined;
    for (const { reject, timer } of waiting) {
      clearTimeout(timer);
      reject(new Error(`the plug-in was ended: ${why}`));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#box.close();
  }
}

const plugIn = `
import json, sys
def send(**message): print(json.dumps(message), flush=True)
def ask(name, argument):
    send(ask=name, argument=argument)
    return json.loads(sys.stdin.readline())
for line in sys.stdin:
    request = json.loads(line)
    id, method, argument = request['id'], request['method'], request['argument']
    if method == 'shout': send(id=id, result=argument.upper())
    elif method == 'price': send(id=id, result=ask('priceOf', argument))
    elif method == 'secret': send(id=id, result=ask('readFile', '/etc/shadow'))
    elif method == 'steal': send(id=id, result=open('/root/.ssh/id_rsa').read())
    elif method == 'hang':
        while True: pass
    else: send(id=id, error='there is no ' + method)
`;

const prices: Record<string, number> = { sand: 3 };
await using host = await PlugIn.load(['/usr/bin/python3', '-I', '-c', plugIn], {
  priceOf: (name) => prices[String(name)] ?? null,
});
const calls: [string, unknown][] = [
  ['shout', 'hello'],
  ['price', 'sand'],
  ['secret', null],
  ['fly', null],
  ['hang', null],
  ['shout', 'still here'],
  ['steal', null],
  ['shout', 'and again'],
];
for (const [method, argument] of calls) {
  const text = await host.call(method, argument).then(
    (result) => JSON.stringify(result),
    (error: Error) => `error: ${error.message}`,
  );
  console.log(`${method}: ${text}`);
}
console.log(`started ${host.starts} times`);
