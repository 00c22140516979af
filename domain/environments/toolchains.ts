import { DrydockError } from '../errors.ts'

/** A language of the universal image: what it has, and which other versions set-up can add. */
type Toolchain = { has: string; others: readonly string[] }

/**
 * Debian 13 offers one version of most languages. Node comes from npm, every major; a second JDK from Debian.
 * `node` is the major of images/node/package.json.
 */
export const TOOLCHAINS = {
  node: { has: '24', others: ['any major from 16, or an exact version'] },
  python: { has: '3.13', others: [] },
  go: { has: '1.24', others: [] },
  rust: { has: '1.85', others: [] },
  java: { has: '21', others: ['25'] },
  ruby: { has: '3.3', others: [] },
} as const satisfies Record<string, Toolchain>

export type Language = keyof typeof TOOLCHAINS
export const LANGUAGES = Object.keys(TOOLCHAINS) as Language[]

const OLDEST_NODE = 16
const NODE = /^(\d{1,2})(\.\d{1,3}){0,2}$/

/** Says whether the image has a version or set-up can add it: `3` and `3.13` are both Python 3.13. */
export function isAvailable(language: Language, version: string): boolean {
  if (isIn(version, TOOLCHAINS[language].has)) return true
  if (language === 'java') return version === '25'
  const major = NODE.exec(version)?.[1]
  return language === 'node' && major !== undefined && Number(major) >= OLDEST_NODE
}

/** Rejects with `version-unavailable`, which says what there is. */
export function assertVersions(versions: Readonly<Record<string, string>>, image: string): void {
  const entries = Object.entries(versions)
  if (entries.length > 0 && image !== 'universal') {
    throw unavailable(`versions belong to the image "universal", and this environment has an image of its own`)
  }
  for (const [name, version] of entries) {
    const language = LANGUAGES.find((each) => each === name)
    if (language === undefined) throw unavailable(`"${name}" is none of ${LANGUAGES.join(', ')}`)
    if (!isAvailable(language, version))
      throw unavailable(`${language} ${JSON.stringify(version)}: ${offered(language)}`)
  }
}

/** What can be had of a language, for people. */
export function offered(language: Language): string {
  const { has, others } = TOOLCHAINS[language]
  return `the universal image has ${language} ${has}${others.length === 0 ? ' and no other' : `; set-up can add ${others.join(', ')}`}`
}

/** Says whether a version is the image's: the same, or a shorter form of it. */
export function isIn(version: string, has: string): boolean {
  return version === has || has.startsWith(`${version}.`)
}

function unavailable(state: string): DrydockError {
  return new DrydockError('version-unavailable', `Cannot use these versions: ${state}`)
}
