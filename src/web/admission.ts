import type { IncomingMessage } from 'node:http';

/** Why a request is turned away. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Names that can only mean this machine. Any port: a tunnel may end on another one than the server's. */
const OWN_HOST = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i;

/**
 * Turns away whatever a page of somebody else's could send. A foreign name that has been made to lead here (DNS rebinding) shows in Host, a page of another origin in
 * Origin, and what it embeds in Sec-Fetch-Site. Returns undefined for a request that is let in.
 */
export function refusalOf({ method, url, headers }: Pick<IncomingMessage, 'method' | 'url' | 'headers'>): Refusal | undefined {
  if (method !== 'GET' && method !== 'HEAD')
    return { status: 405, message: 'Only GET and HEAD are answered.', headers: { Allow: 'GET, HEAD' } };
  if (headers.host === undefined || !OWN_HOST.test(headers.host)) {
    return { status: 403, message: 'This page is for this machine only: ask for it as 127.0.0.1 or localhost.' };
  }
  if (headers.origin !== undefined && headers.origin.toLowerCase() !== `http://${headers.host.toLowerCase()}`) {
    return { status: 403, message: 'Pages of another origin get no answer.' };
  }
  const site = headers['sec-fetch-site'];
  const followedLink = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && !followedLink) {
    return { status: 403, message: 'Pages of another origin get no answer.' };
  }
  // Not the absolute form, which is for proxies.
  if (url === undefined || !url.startsWith('/')) return { status: 400, message: 'The path of a request begins with /.' };
  return undefined;
}
