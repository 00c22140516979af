import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianMirrors, hostCertificates } from './debian.mjs'
import { engineProcessor } from './engine.mjs'
import { Failure } from './failure.mjs'
import { packagesOf } from './locked-packages.mjs'
import { IMAGES, ROOT } from './paths.mjs'
import { run } from './run.mjs'

/** Fills `folder` with everything that the build of an image reads. Nothing else is sent to the engine. */
export async function stageContext(image, folder) {
  cpSync(join(IMAGES, image.name), folder, { recursive: true })
  cpSync(join(IMAGES, 'shared'), join(folder, 'shared'), { recursive: true })
  writeFileSync(join(folder, 'shared', 'ca.crt'), certificatesForBuild())
  if (image.stage === 'packages') await installLocked(folder)
  if (image.stage === 'project') await stageProject(join(folder, 'project'))
  if (image.stage === 'gateway') await stageGateway(join(folder, 'app'))
}

/** Debian's archive is signed and comes over http; only a mirror with https needs the host's certificates. */
function certificatesForBuild() {
  const { mirror, securityMirror } = debianMirrors()
  return [mirror, securityMirror].some((address) => address.startsWith('https:')) ? hostCertificates() : ''
}

/**
 * npm runs on the host, where its proxy and certificates are set up, and verifies every package by the lock file's
 * hash. No package's script runs.
 */
async function installLocked(folder, ...flags) {
  const target = ['--os', 'linux', '--cpu', engineProcessor(), '--libc', 'glibc']
  await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', ...target, ...flags], {
    cwd: folder,
    action: 'install the locked npm packages of an image',
    advice: 'check the network and the npm registry (npm config get registry), then repeat',
  })
}

async function stageProject(folder) {
  await run('npm', ['run', '--silent', 'build'], {
    cwd: ROOT,
    action: 'build the project',
    advice: 'run npm run build',
  })
  mkdirSync(folder)
  for (const path of ['package.json', 'package-lock.json', 'bin', 'dist', 'migrations', 'images', 'scripts']) {
    if (existsSync(join(ROOT, path))) cpSync(join(ROOT, path), join(folder, path), { recursive: true })
  }
  await installLocked(folder, '--omit=dev')
}

/** The gateway's code, compiled, and the packages that it imports, which npm verified when it installed them. */
async function stageGateway(folder) {
  const advice = 'run scripts/setup deps, then repeat'
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  if (!existsSync(compiler))
    throw new Failure('Cannot build the gateway: the dependencies are not installed', { advice })
  const project = join(IMAGES, 'gateway', 'tsconfig.json')
  await run(process.execPath, [compiler, '--project', project, '--outDir', folder], {
    action: 'compile the gateway',
    advice: 'run npm run check',
  })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
  for (const path of packagesOf('sandbox-policy')) {
    if (!existsSync(join(ROOT, path))) throw new Failure(`Cannot build the gateway: ${path} is missing`, { advice })
    // A package inside another one is on the list by itself, when it is needed.
    const nested = join(ROOT, path, 'node_modules')
    cpSync(join(ROOT, path), join(folder, path), { recursive: true, filter: (from) => from !== nested })
  }
}
