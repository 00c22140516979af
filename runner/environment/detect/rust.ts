import { TOOLCHAINS } from '../../../domain/environments/toolchains.ts'
import type { Folder } from './folder.ts'
import { parseToml, string, table } from './parse.ts'
import { emptyPart } from './part.ts'
import type { OpenPart, Part } from './part.ts'
import { cut, versionFile } from './version-files.ts'

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
  part.setup.push({
    run: hasLock ? 'cargo fetch --locked' : 'cargo fetch',
    why: hasLock ? 'downloads exactly what Cargo.lock says' : 'downloads what Cargo.toml names; there is no Cargo.lock',
    from: folder.at(hasLock ? 'Cargo.lock' : 'Cargo.toml'),
  })
  if (!hasLock && !folder.ignores('Cargo.lock'))
    part.notes.push({
      what: 'Cargo.lock appears in every change',
      why: 'cargo makes it: commit it, or ignore it',
      from,
    })
  const all = part.coversBelow ? ' --workspace' : ''
  // Outside the work tree where no .gitignore keeps what is built out of the change.
  const where = folder.ignores('target') ? '' : 'CARGO_TARGET_DIR=/tmp/cargo-target '
  part.verification.push({ run: `${where}cargo build${all}`, why: 'builds every target', from })
  part.verification.push({ run: `${where}cargo test${all}`, why: 'runs every test', from })
  part.manifests.push(...['Cargo.toml', 'Cargo.lock'].filter(folder.has).map(folder.at))
  return part
}

function addVersion(part: OpenPart, folder: Folder): void {
  const name = folder.first('rust-toolchain.toml', 'rust-toolchain')
  const read = parseToml((name && folder.text(name)) ?? '')
  const channel = read.ok ? string(table(read.value, 'toolchain').channel) : folder.text(name ?? '')?.trim()
  const wanted = versionFile(folder, 'rust')
  if (name !== undefined && channel !== undefined) {
    part.versions.push({ language: 'rust', version: cut(channel), from: folder.at(name) })
  } else if (wanted) part.versions.push(wanted)
  const why = `there is no rustup: cargo and rustc are Debian's ${TOOLCHAINS.rust.has}, whatever this file names`
  if (name !== undefined) part.notes.push({ what: `${name} switches nothing`, why, from: folder.at(name) })
}
