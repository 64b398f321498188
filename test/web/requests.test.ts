import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expectRejected } from '../failures';
import { ask, Browser, pageFolder, serve } from './serving';

describe('the page', () => {
  test.each([
    ['/', 'text/html; charset=utf-8', 'index.html'],
    ['/main.js', 'text/javascript; charset=utf-8', 'main.js'],
    ['/style.css', 'text/css; charset=utf-8', 'style.css'],
    ['/icon.svg', 'image/svg+xml', 'icon.svg'],
  ])('%s comes with its type, and nothing guesses another', async (path, type, file) => {
    const { server } = await serve();
    const { status, headers, body } = await ask(server, path);
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'content-type': type, 'x-content-type-options': 'nosniff', 'cache-control': 'no-cache' });
    expect(body).toBe(readFileSync(join(pageFolder(), file), 'utf8'));
  });

  test('is not sent again to who has it', async () => {
    const { server } = await serve();
    const { headers } = await ask(server, '/main.js');
    const again = await ask(server, '/main.js', { headers: { 'If-None-Match': headers.etag as string } });
    expect(again).toMatchObject({ status: 304, body: '' });
    expect((await ask(server, '/main.js', { headers: { 'If-None-Match': '"another"' } })).status).toBe(200);
  });

  test('may run and load nothing but its own files, and has nothing inline', async () => {
    const { server } = await serve();
    const { headers, body } = await ask(server, '/');
    const policy = headers['content-security-policy'] as string;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("require-trusted-types-for 'script'");
    expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
    expect(body).not.toMatch(/<style|style=|\son\w+=|<script(?![^>]*\ssrc=)|https?:/i);
  });

  test('answers HEAD without a body', async () => {
    const { server } = await serve();
    const [head, get] = [await ask(server, '/', { method: 'HEAD' }), await ask(server, '/')];
    expect(head).toMatchObject({ status: 200, body: '' });
    expect(head.headers['content-length']).toBe(String(Buffer.byteLength(get.body)));
  });
});

describe('who may ask', () => {
  test.each(['127.0.0.1', '127.0.0.1:1', 'localhost', 'LocalHost:8080', '[::1]:7380'])(
    'this machine may, by the name %s and whatever port a tunnel has',
    async (host) => {
      const { server } = await serve();
      expect((await ask(server, '/', { headers: { Host: host } })).status).toBe(200);
      expect((await ask(server, '/', { headers: { Host: host, Origin: `http://${host.toLowerCase()}` } })).status).toBe(200);
    },
  );

  test.each([
    'evil.example',
    'evil.example:7380',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '127.0.0.1:80:80',
    '0.0.0.0',
    '127.0.0.2',
    'localhost@evil.example',
  ])('a name that could be made to lead here may not: %j', async (host) => {
    const { server, inspector } = await serve();
    for (const path of ['/', '/events', '/view?stream=x', '/main.js']) {
      expect((await ask(server, path, { headers: { Host: host } })).status).toBe(403);
    }
    expect(inspector.begun).toBe(0);
  });

  // Written by hand, for http.request puts the right name where there is none.
  test.each(['GET / HTTP/1.1\r\nHost:\r\n', 'GET / HTTP/1.0\r\n', 'GET / HTTP/1.1\r\n'])('nobody may without a name: %j', async (head) => {
    const { server } = await serve();
    const socket = connect(server.port, '127.0.0.1').setEncoding('utf8');
    socket.write(`${head}Connection: close\r\n\r\n`);
    let answer = '';
    for await (const text of socket) answer += text as string;
    expect(answer).toMatch(/^HTTP\/1\.1 40[03] /);
    expect(answer).not.toContain('<html');
  });

  test.each(['http://evil.example', 'null', 'https://127.0.0.1', 'http://localhost:3000', 'http://127.0.0.1:1', 'file://'])(
    'a page of the origin %s may not',
    async (origin) => {
      const { server } = await serve();
      const { status, headers } = await ask(server, '/events', { headers: { Origin: origin } });
      expect(status).toBe(403);
      expect(headers['access-control-allow-origin']).toBeUndefined();
    },
  );

  test('what a foreign page embeds gets nothing, but a link to the page may be followed', async () => {
    const { server } = await serve();
    const from = (site: string, mode: string, dest: string) => ({ 'Sec-Fetch-Site': site, 'Sec-Fetch-Mode': mode, 'Sec-Fetch-Dest': dest });
    expect((await ask(server, '/events', { headers: from('cross-site', 'no-cors', 'image') })).status).toBe(403);
    expect((await ask(server, '/main.js', { headers: from('same-site', 'no-cors', 'script') })).status).toBe(403);
    expect((await ask(server, '/', { headers: from('cross-site', 'navigate', 'iframe') })).status).toBe(403);
    expect((await ask(server, '/', { headers: from('cross-site', 'navigate', 'document') })).status).toBe(200);
    expect((await ask(server, '/main.js', { headers: from('same-origin', 'cors', 'script') })).status).toBe(200);
  });

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'])('nothing answers to %s', async (method) => {
    const { server } = await serve();
    for (const path of ['/', '/events', '/view?stream=x']) {
      const { status, headers } = await ask(server, path, { method });
      expect({ status, allow: headers.allow }).toEqual({ status: 405, allow: 'GET, HEAD' });
    }
  });

  test('only this machine can connect', async () => {
    const { server } = await serve();
    expect(server.url).toBe(`http://127.0.0.1:${server.port}/`);
    await expect(
      new Promise((resolve, reject) => {
        const socket = connect(server.port, '127.0.0.2', () => resolve(socket.destroy()));
        socket.on('error', reject);
      }),
    ).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

test.each([
  '/../package.json',
  '/../../package.json',
  '/%2e%2e/server.js',
  '/..%2fserver.js',
  '/page/index.html',
  '/index.html',
  '//etc/passwd',
  '/etc/passwd',
  '/given',
  '/main.js%00.css',
  '/main.js/',
  '/constructor',
  '/__proto__',
  '/\\..\\server.js',
])('no path leads anywhere else: %s', async (path) => {
  const { server } = await serve();
  expect((await ask(server, path)).status).toBe(404);
});

test('a path that names another server is refused', async () => {
  const { server } = await serve();
  expect((await ask(server, 'http://evil.example/')).status).toBe(400);
});

test('a port that is taken is an error that says what to do', async () => {
  const { server } = await serve();
  await expectRejected('IO', serve(['/given'], { port: server.port }), new RegExp(`port ${server.port} .*choose another`));
});

test('closing ends streams and idle connections at once', async () => {
  const { server, inspector } = await serve();
  inspector.add('/given/file', 10);
  const idle = connect(server.port, '127.0.0.1');
  await new Promise((resolve) => idle.once('connect', resolve));
  const browser = await Browser.connect(server);
  await browser.next('state');
  const gone = new Promise((resolve) => idle.once('close', resolve));
  await server.close();
  await Promise.all([browser.end(), gone]);
  expect(inspector.going).toBe(0);
});
