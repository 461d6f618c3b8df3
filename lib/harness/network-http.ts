/** The web server of a virtual network: every host there is, with one handler behind all of them. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { logger } from '../debug.js';

const log = logger('network');

export interface VirtualRequest {
  method: string;
  /** As in the request's first line. */
  url: string;
  /** As the sample named it: by TLS, by a name that it had looked up, else by the request's Host. */
  host: string | undefined;
  address: string;
  port: number;
  tls: boolean;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Its first `mostBodyBytes`. */
  body: Buffer;
}

export interface VirtualResponse {
  /** Default 200. */
  status?: number | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  body?: string | Uint8Array | undefined;
}

export type HttpHandler = (request: VirtualRequest) => VirtualResponse | Promise<VirtualResponse>;

/** Where a connection came to. */
export interface HttpPlace {
  host: string | undefined;
  address: string;
  port: number;
  tls: boolean;
}

export const mostBodyBytes = 1024 * 1024;

export class HttpService {
  readonly #places = new WeakMap<object, HttpPlace>();
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch((error: unknown) => {
      log('http: %o', error);
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    });
  });
  readonly #handler: HttpHandler;

  constructor(handler: HttpHandler) {
    this.#handler = handler;
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  serve(stream: Duplex, place: HttpPlace): void {
    this.#places.set(stream, place);
    this.#server.emit('connection', stream);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const place = this.#places.get(request.socket);
    const parts: Buffer[] = [];
    let size = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      if (size < mostBodyBytes) parts.push(chunk.subarray(0, mostBodyBytes - size));
      size += chunk.length;
    }
    const {
      status = 200,
      headers = {},
      body = '',
    } = await this.#handler({
      method: request.method ?? '',
      url: request.url ?? '',
      host: place?.host ?? request.headers.host,
      address: place?.address ?? '',
      port: place?.port ?? 0,
      tls: place?.tls ?? false,
      headers: request.headers,
      body: Buffer.concat(parts),
    });
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    response.writeHead(status, { 'content-length': bytes.length, ...headers });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  }
}
