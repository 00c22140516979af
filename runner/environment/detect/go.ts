import type { Folder } from './folder.ts'
import { emptyPart } from './part.ts'
import type { Part } from './part.ts'

/** Debian 13's, to the patch level, by which Go decides whether it will do. */
const IMAGE = '1.24.4'

/** A Go module. */
export function detectGo(folder: Folder): Part | undefined {
  const text = folder.text('go.mod')
  if (text === undefined) return undefined
  const part = emptyPart('Go')
  const from = folder.at('go.mod')
  const asked = /^go (\d+\.\d+(?:\.\d+)?)/m.exec(text)?.[1]
  const wished = /^toolchain go(\d+\.\d+(?:\.\d+)?)/m.exec(text)?.[1]
  const isNewer = asked !== undefined && order(asked) > order(IMAGE)
  // Go would fetch the toolchain that a module only wishes for; the image's own will do.
  const local = !isNewer && wished !== undefined && order(wished) > order(IMAGE) ? 'GOTOOLCHAIN=local ' : ''
  if (local !== '') {
    const why = `the module needs Go ${asked ?? 'of any version'} only, which the image's ${IMAGE} meets`
    part.notes.push({ what: `toolchain go${wished} is not fetched`, why, from })
  }
  if (isNewer) {
    const why = `the module asks for Go ${asked} and the image has ${IMAGE}; Go fetches the newer one by itself`
    part.setup.push({ run: 'go version', why, from })
  }
  if (folder.below.some((path) => path.startsWith('vendor/')) || folder.has('vendor/modules.txt')) {
    const why = 'the modules lie in the repository'
    part.notes.push({ what: 'nothing is downloaded', why, from: folder.at('vendor/modules.txt') })
  } else if (/^\s*require\b/m.test(text))
    part.setup.push({ run: `${local}go mod download`, why: 'the module requires others', from })
  const built = './...'
  part.setup.push({
    run: `${local}go build ${built} || echo 'go build failed; the agent will see why'`,
    why: 'fills the cache of compiled packages, the standard library among them',
    from,
  })
  part.verification.push({ run: `${local}go build ${built}`, why: 'builds every package', from })
  part.verification.push({ run: `${local}go test ${built}`, why: 'runs every test', from })
  part.manifests.push(...['go.mod', 'go.sum'].filter(folder.has).map(folder.at))
  return part
}

function order(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  return (major * 1000 + minor) * 1000 + patch
}
