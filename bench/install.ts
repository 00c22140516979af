import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../bin/config.ts'
import { cleanupStack } from '../runner/cleanup.ts'
import { docker } from './gateway/containers.ts'
import { openGateway } from './gateway/gateway-side.ts'
import { copyProject } from './install/project.ts'
import { ownCertificates, readRegistry, setupPolicy, type Registry } from './install/registry.ts'
import { atExit, removeLabelled } from './support/at-exit.ts'
import { makeFolder } from './support/folder.ts'
import { numbers } from './support/options.ts'
import type { BenchOptions } from './support/options.ts'
import { runAsProgram } from './support/program.ts'
import { load, progress, report, round } from './support/report.ts'
import { median } from './support/statistics.ts'

const BOUND = 1.3
const LEAST_PACKAGES = 300
const BUNDLE = '/etc/bench/ca.crt'
/** Copies the project first, since npm writes beside it; the cache is a new container's. */
const SCRIPT = `set -e
cp -r /project /tmp/project
cd /tmp/project
start=$(date +%s%N)
npm ci --no-audit --no-fund --no-update-notifier >/tmp/npm.log 2>&1 || { tail -20 /tmp/npm.log >&2; exit 1; }
end=$(date +%s%N)
test -d node_modules
echo $(( (end - start) / 1000000 ))`

/** How long `npm ci` of a usual project takes through the gateway, and with a network of its own. */
export async function run(options: BenchOptions): Promise<number> {
  const { rounds } = numbers(options.args, { rounds: 4 })
  const image = build('universal')
  const registry = await readRegistry()
  const installation = `bench-${randomBytes(4).toString('hex')}`
  const cleanup = cleanupStack()
  try {
    const folder = makeFolder('drydock-bench-', cleanup)
    cleanup.defer(atExit(() => removeLabelled(installation)))
    const project = join(folder, 'project')
    const packages = copyProject(project)
    const dataDir = join(folder, 'data')
    mkdirSync(dataDir)
    let records = 0
    const gateway = await openGateway({
      ...{ installation, dataDir, policy: setupPolicy(registry) },
      upstreamCas: ownCertificates(registry),
      store: ({ ms, layer }) => (records += ms !== null && layer === 'http' ? 1 : 0),
    })
    cleanup.defer(async () => gateway[Symbol.asyncDispose]())
    const sandbox = await gateway.sandbox()
    const label = ['--label', `drydock.installation=${installation}`]
    const common = [...label, `--volume=${project}:/project:ro`, '-e', `npm_config_registry=${registry.url}`]
    const through = [...common, ...networkOf(sandbox)]
    const direct = [...common, ...ownNetwork(registry)]
    const times = { direct: [] as number[], gateway: [] as number[] }
    for (let i = 1; i <= rounds; i++) {
      const order = [['direct', direct] as const, ['gateway', through] as const]
      for (const [name, flags] of i % 2 === 1 ? order : order.toReversed())
        times[name].push(await install(image, flags))
      progress(`round ${i} of ${rounds}: direct ${times.direct.at(-1)} ms, gateway ${times.gateway.at(-1)} ms`)
    }
    await gateway.settle()
    progress(`Load of this machine in the last minute: ${load()} (other work lengthens the times)`)
    const [directMs, gatewayMs] = [median(times.direct), median(times.gateway)]
    const ratio = round(gatewayMs / directMs, 3)
    const findings =
      packages < LEAST_PACKAGES ? [`the project has ${packages} packages, fewer than ${LEAST_PACKAGES}`] : []
    // Packages for other platforms are not fetched.
    const least = LEAST_PACKAGES * rounds
    if (records < least) findings.push(`${records} requests are on the ledger, fewer than ${least}`)
    if (ratio > BOUND) progress(`The ratio is above ${BOUND}.`)
    const about = { packages, rounds, ledgerRecords: records, times, load: load() }
    return report(options, { directMs, gatewayMs, ratio, ...about }, findings)
  } finally {
    await cleanup[Symbol.asyncDispose]()
  }
}

async function install(image: string, flags: readonly string[]): Promise<number> {
  return Number(await docker('run', '--rm', ...flags, image, 'sh', '-c', SCRIPT))
}

/** As the runner attaches a sandbox. */
function networkOf({
  attachment,
  env,
  mounts,
}: Awaited<ReturnType<Awaited<ReturnType<typeof openGateway>>['sandbox']>>) {
  return [
    ...[`--network=${attachment.network}`, `--ip=${attachment.address}`, `--dns=${attachment.dns}`],
    ...Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]),
    ...Object.entries(mounts).map(([host, target]) => `--volume=${host}:${target}:ro`),
  ]
}

/** The engine's default network, and the certificates of this machine, which a mirror's may need. */
function ownNetwork({ bundle }: Registry): string[] {
  if (bundle === undefined) return []
  return [`--volume=${bundle}:${BUNDLE}:ro`, '-e', `NODE_EXTRA_CA_CERTS=${BUNDLE}`]
}

function build(name: string): string {
  const script = join(packageRoot, 'scripts', 'image.mjs')
  execFileSync(process.execPath, [script, 'build', name], { stdio: ['ignore', 'ignore', 'inherit'] })
  return execFileSync(process.execPath, [script, 'tag', name], { encoding: 'utf8' }).trim()
}

await runAsProgram(import.meta.url, run)
