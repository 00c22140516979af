import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Failure } from './failure.mjs'
import { ROOT } from './paths.mjs'

/**
 * The images, parents first. `inputs` are the paths (in the project) that decide the content; `stage` names what is
 * put into the build context besides `images/NAME` and `images/shared`.
 */
const TABLE = {
  debian: { inputs: ['images/debian'] },
  base: { parent: 'debian', inputs: ['images/base', 'images/shared'] },
  postgres: { parent: 'base', inputs: ['images/postgres', 'images/shared'] },
  node: { parent: 'base', inputs: ['images/node'], stage: 'packages' },
  universal: { parent: 'node', inputs: ['images/universal', 'images/shared'], stage: 'packages' },
  gateway: {
    parent: 'node',
    stage: 'gateway',
    inputs: ['images/gateway', 'sandbox-policy', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'],
  },
  server: {
    parent: 'node',
    stage: 'project',
    inputs: [
      ...[
        'images',
        'scripts',
        'migrations',
        'package.json',
        'package-lock.json',
        'tsconfig.json',
        'tsconfig.build.json',
      ],
      ...['domain', 'sandbox-policy', 'forge', 'runner', 'api', 'cli', 'web', 'bin', 'bench'],
    ],
  },
}

export const IMAGE_NAMES = Object.keys(TABLE)

export function imageNamed(name) {
  const image = TABLE[name]
  if (!image) {
    throw new Failure(`Cannot find image "${name}": unknown name; the images are ${IMAGE_NAMES.join(', ')}`, {
      exitCode: 2,
    })
  }
  return { name, ...image }
}

/** `drydock/NAME:HASH`, where equal inputs, the parent's included, give the equal tag on every machine. */
export function tagOf(name) {
  const { parent, inputs } = imageNamed(name)
  const hash = createHash('sha256')
  if (parent) hash.update(tagOf(parent))
  for (const input of inputs) addPath(hash, input)
  return `drydock/${name}:${hash.digest('hex').slice(0, 12)}`
}

/** Adds path, executable bit and content; times and owners differ between clones. */
function addPath(hash, path) {
  const absolute = join(ROOT, path)
  if (!existsSync(absolute)) return
  const stat = statSync(absolute)
  if (stat.isDirectory()) {
    for (const name of readdirSync(absolute).filter(isInput).sort()) addPath(hash, `${path}/${name}`)
    return
  }
  const content = readFileSync(absolute)
  hash.update(`${path}\0${stat.mode & 0o100}\0${content.length}\0`).update(content)
}

const isInput = (name) => name !== 'node_modules' && name !== '.DS_Store'
