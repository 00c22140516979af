import { TOOLCHAINS } from '../../../domain/environments/toolchains.ts'
import type { Folder } from './folder.ts'
import { emptyPart } from './part.ts'
import type { Part } from './part.ts'

/** A Go module. */
export function detectGo(folder: Folder): Part | undefined {
  const text = folder.text('go.mod')
  if (text === undefined) return undefined
  const part = emptyPart('Go')
  const from = folder.at('go.mod')
  const [, asked] = /^(?:toolchain go|go )(\d+\.\d+(?:\.\d+)?)/m.exec(text) ?? []
  const isNewer = asked !== undefined && minor(asked) > minor(TOOLCHAINS.go.has)
  if (isNewer) {
    const why = `the module asks for Go ${asked} and the image has ${TOOLCHAINS.go.has}; Go fetches the newer one by itself`
    part.setup.push({ run: 'go version', why, from })
  }
  if (folder.below.some((path) => path.startsWith('vendor/')) || folder.has('vendor/modules.txt')) {
    const why = 'the modules lie in the repository'
    part.notes.push({ what: 'nothing is downloaded', why, from: folder.at('vendor/modules.txt') })
  } else if (/^\s*require\b/m.test(text))
    part.setup.push({ run: 'go mod download', why: 'the module requires others', from })
  const built = './...'
  part.setup.push({
    run: `go build ${built} || echo 'go build failed; the agent will see why'`,
    why: 'fills the cache of compiled packages, the standard library among them',
    from,
  })
  part.verification.push({ run: `go build ${built}`, why: 'builds every package', from })
  part.verification.push({ run: `go test ${built}`, why: 'runs every test', from })
  part.manifests.push(...['go.mod', 'go.sum'].filter(folder.has).map(folder.at))
  return part
}

const minor = (version: string) => Number(version.split('.')[0]) * 1000 + Number(version.split('.')[1])
