import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Refusal } from './admission';
import type { Asset } from './assets';

/** Nothing but the page's own files runs or is loaded, nothing is framed, and text is never taken for HTML. */
const SECURITY: Readonly<Record<string, string>> = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

export function secure(response: ServerResponse): void {
  for (const [name, value] of Object.entries(SECURITY)) response.setHeader(name, value);
}

export function refuse(response: ServerResponse, { status, message, headers }: Refusal): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store', ...headers });
  response.end(`${message}\n`);
}

/** Browsers ask again each time whether their copy is still the one. */
export function sendAsset({ type, tag, content }: Asset, { headers }: IncomingMessage, response: ServerResponse): void {
  response.setHeader('Cache-Control', 'no-cache');
  response.setHeader('ETag', tag);
  if (headers['if-none-match'] === tag) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': content.length });
  // Node sends no body in answer to HEAD.
  response.end(content);
}

export function sendNothing(response: ServerResponse): void {
  response.writeHead(204, { 'Cache-Control': 'no-store' }).end();
}

/** The start of a stream of events. */
export function beginEvents(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-store' });
  // How long a browser waits before it connects again, in ms.
  response.write('retry: 1000\n\n');
}
