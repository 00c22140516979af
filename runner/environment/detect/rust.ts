import { TOOLCHAINS } from '../../../domain/environments/toolchains.ts'
import type { Folder } from './folder.ts'
import { parseToml, string, table } from './parse.ts'
import { onCopy } from './keep-clean.ts'
import { emptyPart } from './part.ts'
import type { OpenPart, Part } from './part.ts'
import { cut, versionFiles } from './version-files.ts'

/** A crate or a workspace of them. */
export function detectRust(folder: Folder): Part | undefined {
  const text = folder.text('Cargo.toml')
  if (text === undefined) return undefined
  const part = emptyPart('Rust')
  const from = folder.at('Cargo.toml')
  const read = parseToml(text)
  if (!read.ok) {
    part.notes.push({ what: 'Cargo.toml is not used', why: `it cannot be read: ${read.error}`, from })
    return part
  }
  part.coversBelow = 'workspace' in read.value
  addVersion(part, folder)
  const hasLock = folder.has('Cargo.lock')
  const isSeen = !hasLock && !folder.ignores('Cargo.lock')
  part.setup.push({
    run: hasLock ? 'cargo fetch --locked' : `cargo fetch${isSeen ? ' && rm -f Cargo.lock' : ''}`,
    why: hasLock ? 'downloads exactly what Cargo.lock says' : 'downloads what Cargo.toml names; there is no Cargo.lock',
    from: folder.at(hasLock ? 'Cargo.lock' : 'Cargo.toml'),
  })
  addVerification(part, { folder, isSeen, from })
  part.manifests.push(...['Cargo.toml', 'Cargo.lock'].filter(folder.has).map(folder.at))
  return part
}

type Verification = { folder: Folder; isSeen: boolean; from: string }

/** Outside the work tree where no .gitignore keeps what is built, or the lock file that cargo writes, out of the change. */
function addVerification(part: OpenPart, { folder, isSeen, from }: Verification): void {
  const all = part.coversBelow ? ' --workspace' : ''
  if (isSeen) {
    const why = 'builds and tests on a copy of the work tree: cargo writes a Cargo.lock, and no .gitignore names it'
    const cargo = 'CARGO_TARGET_DIR=/tmp/cargo-target cargo'
    const run = onCopy(folder, `${cargo} build --offline${all} && ${cargo} test --offline${all}`)
    part.verification.push({ run, why, from })
    return
  }
  // Cargo would write the lock file anew where it differs in no more than its form.
  const locked = folder.has('Cargo.lock') ? ' --locked' : ''
  const where = folder.ignores('target') ? '' : 'CARGO_TARGET_DIR=/tmp/cargo-target '
  part.verification.push({ run: `${where}cargo build${locked}${all}`, why: 'builds every target', from })
  part.verification.push({ run: `${where}cargo test${locked}${all}`, why: 'runs every test', from })
}

function addVersion(part: OpenPart, folder: Folder): void {
  const name = folder.first('rust-toolchain.toml', 'rust-toolchain')
  const read = parseToml((name && folder.text(name)) ?? '')
  const channel = read.ok ? string(table(read.value, 'toolchain').channel) : folder.text(name ?? '')?.trim()
  if (name !== undefined && channel !== undefined) {
    part.versions.push({ language: 'rust', version: cut(channel), from: folder.at(name) })
  } else part.versions.push(...versionFiles(folder, 'rust'))
  const why = `there is no rustup: cargo and rustc are Debian's ${TOOLCHAINS.rust.has}, whatever this file names`
  if (name !== undefined) part.notes.push({ what: `${name} switches nothing`, why, from: folder.at(name) })
}
