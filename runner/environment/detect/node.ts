import { INSTALL, MANAGER_PACKAGES, managerOf } from './node-manager.ts'
import type { Manager } from './node-manager.ts'
import { TEST_FILE, nodeVerification } from './node-verification.ts'
import { folderMembers } from './node-workspaces.ts'
import type { Member } from './node-workspaces.ts'
import type { Folder } from './folder.ts'
import { parseJson, string, table } from './parse.ts'
import type { Loose } from './parse.ts'
import { keepOut } from './keep-clean.ts'
import { emptyPart } from './part.ts'
import type { OpenPart, Part } from './part.ts'
import { cut, versionFiles } from './version-files.ts'

/** A project with a `package.json`. */
export function detectNode(folder: Folder): Part | undefined {
  const text = folder.text('package.json')
  if (text === undefined) return undefined
  const part = emptyPart('Node')
  const from = folder.at('package.json')
  const read = parseJson(text)
  if (!read.ok) {
    part.notes.push({ what: 'package.json is not used', why: `it cannot be read: ${read.error}`, from })
    return part
  }
  const manager = managerOf(folder, read.value)
  const members = folderMembers(folder, read.value)
  part.coversBelow = members !== undefined
  part.notes.push(...manager.notes)
  addVersion(part, { folder, manifest: read.value })
  addInstall(part, { folder, manifest: read.value, manager, members: members ?? [] })
  part.verification.push(...nodeVerification(folder, { manifest: read.value, manager: manager.name, members }))
  return part
}

/** Tests for Node's own runner that nothing is said about. */
export function detectBareNode(folder: Folder): Part | undefined {
  const tests = folder.below.find((path) => TEST_FILE.test(path))
  if (tests === undefined) return undefined
  const why = 'there are test files, and nothing else says how they are run'
  return { ...emptyPart('Node'), verification: [{ run: 'node --test', why, from: folder.at(tests) }] }
}

type Input = { folder: Folder; manifest: Loose }

/** Version files are meant for this very repository; `engines` is what a package says to others. */
function addVersion(part: OpenPart, { folder, manifest }: Input): void {
  const from = folder.at('package.json')
  const volta = string(table(manifest, 'volta').node)
  const engines = string(table(manifest, 'engines').node)
  const wanted = versionFiles(folder, 'node')
  if (wanted.length > 0) part.versions.push(...wanted)
  else if (volta !== undefined) part.versions.push({ language: 'node', version: cut(volta), from })
  else if (engines !== undefined) part.versions.push({ language: 'node', version: cut(engines), from })
}

type Install = Input & { manager: Manager; members: readonly Member[] }

function addInstall(part: OpenPart, { folder, manifest, manager, members }: Install): void {
  const { name, lock, pinned, from } = manager
  if (pinned !== undefined) {
    const run = `npm install --global --prefix /opt/toolchain --no-audit --no-fund ${MANAGER_PACKAGES[name]}@${pinned}`
    const why = name === 'berry' ? 'Yarn from version 2 on is not in the image' : 'the image has another major version'
    part.setup.push({ run, why: `${why}, and the project asks for ${pinned}`, from, anywhere: true })
  }
  const { locked, unlocked, again } = INSTALL[name]
  if (lock !== undefined) {
    const why = `installs exactly what ${lock} says`
    part.setup.push({ run: locked, why, from: folder.at(lock), again })
  } else if (hasDependencies(manifest) || part.coversBelow) {
    part.setup.push({
      run: unlocked,
      why: 'there is no lock file, so the newest that fit are installed',
      from: folder.at('package.json'),
    })
  } else return
  part.manifests.push(...['package.json', ...(lock === undefined ? [] : [lock])].map(folder.at))
  if (name === 'berry') return hideBerry(part, folder)
  const folders = ['', ...members.map(({ path }) => `${path}/`)].map((each) => `${each}node_modules`)
  part.setup.push(...keepOut(folder, folders, folder.at('package.json')))
}

/** Yarn from version 2 on has a folder of its own, and by default no `node_modules` but a file beside the sources. */
function hideBerry(part: OpenPart, folder: Folder): void {
  if (folder.isIgnoring) return
  const from = folder.at('package.json')
  const hasLinker = /^nodeLinker:\s*['"]?node-modules/m.test(folder.text('.yarnrc.yml') ?? '')
  part.setup.push(...keepOut(folder, ['.yarn', ...(hasLinker ? ['node_modules'] : [])], from))
  if (hasLinker || folder.has('.pnp.cjs')) return
  const why = 'Yarn writes it beside the sources, and there is no .gitignore that names it: add one with .pnp.*'
  part.notes.push({ what: '.pnp.cjs appears in changes', why, from })
}

function hasDependencies(manifest: Loose): boolean {
  const kinds = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']
  return kinds.some((kind) => Object.keys(table(manifest, kind)).length > 0)
}
