import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An authority and what it signed for `localhost` and for a client, PEM by file name. */
export function certificates(): Readonly<
  Record<'ca.pem' | 'server.pem' | 'server.key' | 'client.pem' | 'client.key', string>
> {
  const folder = mkdtempSync(join(tmpdir(), 'fedloom-certificates-'));
  const openssl = (line: string) => execFileSync('openssl', line.split(' '), { cwd: folder, stdio: 'pipe' });
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
  try {
    openssl(`req -x509 ${key} -keyout ca.key -out ca.pem -days 2 -subj /CN=fedloom-test-authority`);
    writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
    for (const name of ['server', 'client']) {
      openssl(`req ${key} -keyout ${name}.key -out ${name}.csr -subj /CN=${name === 'server' ? 'localhost' : name}`);
      openssl(
        `x509 -req -in ${name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out ${name}.pem`,
      );
    }
    const text = (file: string) => readFileSync(join(folder, file), 'utf8');
    return {
      'ca.pem': text('ca.pem'),
      'server.pem': text('server.pem'),
      'server.key': text('server.key'),
      'client.pem': text('client.pem'),
      'client.key': text('client.key'),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
