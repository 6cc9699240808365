import { request } from 'node:http';
import { Failure, messageOf } from '../../lib/errors.ts';
import { readConfiguration } from './configuration.ts';
import { configurationFile } from './places.ts';
import { statusReport, type MaintainKubeusersStatus } from './status-report.ts';

const TIMEOUT_MS = 3_000;

/**
 * What the running loop says about itself.
 * @param directory the cluster's
 * @throws Failure when it does not answer
 */
export async function maintainKubeusersStatus(directory: string): Promise<MaintainKubeusersStatus> {
  const { port, token } = await readConfiguration(configurationFile(directory));
  try {
    return statusReport.parse(JSON.parse(await get(port, '/status', { authorization: `Bearer ${token}` })));
  } catch (error) {
    throw new Failure({
      kind: 'cluster',
      what: 'maintain-kubeusers does not answer',
      why: messageOf(error),
      hint: 'Look at `npm run logs maintain-kubeusers`.',
      cause: error,
    });
  }
}

/** How many requests the running loop has sent to the Kubernetes API since it started, as its metrics say. */
export async function requestsSoFar(directory: string): Promise<number> {
  const { port } = await readConfiguration(configurationFile(directory));
  const text = await get(port, '/metrics', {});
  const counts = text.matchAll(/^maintain_kubeusers_api_requests_total\{[^}]*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function get(port: number, path: string, headers: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, headers, timeout: TIMEOUT_MS };
    const asked = request(options, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => {
        if (response.statusCode === 200) resolve(body);
        else reject(new Error(`it answered ${response.statusCode ?? 0}: ${body.trim()}`));
      });
      response.on('error', reject);
    });
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    asked.on('error', reject);
    asked.end();
  });
}

/** The same for those who wait: that it does not answer yet is no failure, which would end the wait (`lib/wait.ts`). */
export async function statusOnceItAnswers(clusterDirectory: string): Promise<MaintainKubeusersStatus> {
  try {
    return await maintainKubeusersStatus(clusterDirectory);
  } catch (error) {
    if (error instanceof Failure) throw new Error(error.message, { cause: error });
    throw error;
  }
}
