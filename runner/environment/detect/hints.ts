import type { Reason } from '../../../domain/environments/proposal.ts'
import { TOOLCHAINS } from '../../../domain/environments/toolchains.ts'
import type { Language } from '../../../domain/environments/toolchains.ts'
import type { Repository } from './files.ts'
import { parseJson, string, table } from './parse.ts'
import { cut } from './version-files.ts'

const CI = /^(\.github\/workflows\/[^/]+\.ya?ml|\.gitlab-ci\.yml)$/
const VERSION = /^\s*-?\s*(node|python|go|java|ruby)-version:\s*['"]?([\w./*-]{1,30})/
const IMAGE = /^\s*image:\s*['"]?((node|python|golang|rust|ruby|maven|openjdk|eclipse-temurin):[\w.-]{1,60})/
const APT = /\bapt(?:-get)? (?:-\S+ )*install (?:-\S+ )*([^|&;\n]{1,200})/
const MAX_HINTS = 12

/**
 * What files for other machines say. They may be old or meant for something else, so they decide nothing: they are shown
 * where they differ from what the manifests say.
 */
export function hintsOf(repository: Repository, versions: Readonly<Record<string, string>>): Reason[] {
  const found = [...repository.texts].flatMap(([path, text]) => (CI.test(path) ? ofCi(path, { text, versions }) : []))
  return [...unique(found).slice(0, MAX_HINTS), ...ofDevcontainer(repository), ...ofDockerfile(repository)]
}

function ofCi(
  path: string,
  { text, versions }: { text: string; versions: Readonly<Record<string, string>> },
): Reason[] {
  return text.split('\n', 2000).flatMap((full) => {
    const line = full.slice(0, 300)
    const [, name, version] = VERSION.exec(line) ?? []
    const [, image] = IMAGE.exec(line) ?? []
    const [, packages] = APT.exec(line) ?? []
    const note = (what: string, why: string): Reason => ({ part: 'note', what, why, from: path })
    if (name !== undefined && version !== undefined) {
      const used = versions[name] ?? TOOLCHAINS[name as Language].has
      if (used === version || used.startsWith(`${version}.`) || version.startsWith(`${used}.`)) return []
      return [
        note(
          `${name} ${version} is not used`,
          `only the CI names it; ${name} is ${used}. Set versions if the tests need another`,
        ),
      ]
    }
    if (image !== undefined)
      return [note(`image ${image} is not used`, 'only the CI names it; the universal image has the toolchains')]
    if (packages !== undefined)
      return [
        note(
          `the CI installs ${cut(packages.trim())}`,
          'set-up does not: add it to the setup script if something is missing',
        ),
      ]
    return []
  })
}

function ofDevcontainer({ texts }: Repository): Reason[] {
  const path = ['.devcontainer/devcontainer.json', '.devcontainer.json'].find((each) => texts.has(each))
  if (path === undefined) return []
  const read = parseJson(texts.get(path) ?? '')
  if (!read.ok)
    return [
      { part: 'note', what: 'devcontainer.json is not used', why: `it cannot be read: ${read.error}`, from: path },
    ]
  const image = string(read.value.image)
  const command = read.value.postCreateCommand
  const after = command === undefined ? undefined : (string(command) ?? JSON.stringify(command))
  const builds = string(table(read.value, 'build').dockerfile) ?? string(read.value.dockerFile)
  const features = Object.keys(table(read.value, 'features'))
  return [
    ...(image === undefined
      ? []
      : [`its image is ${cut(image)}; choose it by --image if the universal one will not do`]),
    ...(builds === undefined ? [] : [`${cut(builds)} is not built: put its steps into the setup script`]),
    ...(features.length === 0 ? [] : [`its features (${cut(features.join(', '))}) are not installed`]),
    ...(after === undefined ? [] : [`its postCreateCommand is not run: ${cut(after)}`]),
  ].map((why) => ({ part: 'note', what: 'devcontainer.json decides nothing', why, from: path }))
}

function ofDockerfile({ paths }: Repository): Reason[] {
  if (!paths.includes('Dockerfile')) return []
  const why =
    'a repository builds no images here: build it elsewhere and name it by --image, or put its steps into the setup script'
  return [{ part: 'note', what: 'the Dockerfile is not built', why, from: 'Dockerfile' }]
}

function unique(reasons: readonly Reason[]): Reason[] {
  return [...new Map(reasons.map((each) => [JSON.stringify(each), each])).values()]
}
