import { TOOLCHAINS, isAvailable, isIn, offered } from '../../../domain/environments/toolchains.ts'
import type { Language } from '../../../domain/environments/toolchains.ts'
import type { Reason } from '../../../domain/environments/proposal.ts'
import type { WantedVersion } from './part.ts'
import { satisfies } from './semver.ts'
import { OWN_IMAGE } from './unsupported.ts'

const LTS_NAMES: Record<string, string> = { gallium: '16', hydrogen: '18', iron: '20', jod: '22', krypton: '24' }
/** What a range may be met by, the newest long-term release first. */
const NODE_MAJORS = ['24', '22', '20', '18', '16']

type Chosen = { versions: Record<string, string>; reasons: Reason[] }

/** One version a language for the whole environment: the first that is asked for. Says why where it falls back. */
export function chooseVersions(wanted: readonly WantedVersion[]): Chosen {
  const chosen: Chosen = { versions: {}, reasons: [] }
  const first = new Map<Language, WantedVersion>()
  for (const each of wanted) {
    const before = first.get(each.language)
    if (before === undefined) {
      first.set(each.language, each)
      choose(each, chosen)
    } else if (before.version !== each.version) {
      const why = `${before.from} asks for ${before.version}, and an environment has one version of each language`
      chosen.reasons.push({
        part: 'version',
        what: `${each.language} ${each.version} is not used`,
        why,
        from: each.from,
      })
    }
  }
  return chosen
}

function choose({ language, version, from }: WantedVersion, chosen: Chosen): void {
  const has = TOOLCHAINS[language].has
  const met = meeting(language, version)
  if (met === has) return
  if (met !== undefined) {
    chosen.versions[language] = met
    const why = `the file asks for ${version}; the image has ${has}, so set-up adds it`
    chosen.reasons.push({ part: 'version', what: `${language} ${met}`, why, from })
    return
  }
  const why = `the file asks for ${version}, which cannot be had: ${offered(language)}. Where that will not do, ${OWN_IMAGE}`
  chosen.reasons.push({ part: 'version', what: `${language} ${has}, the image's`, why, from })
}

/** The version to use: the image's where it meets what is asked for, else one that can be had; undefined for neither. */
function meeting(language: Language, version: string): string | undefined {
  const { has } = TOOLCHAINS[language]
  const plain = plainOf(language, version)
  if (isIn(plain, has)) return has
  // The image's patch level is Debian's: another of the same line is met by it.
  if (plain.startsWith(`${has}.`) && language !== 'node') return has
  if (isAvailable(language, plain)) return plain
  if (language === 'java') return /^\d{1,2}$/.test(plain) && Number(plain) < Number(has) ? has : undefined
  const known = language === 'node' ? NODE_MAJORS : [has]
  // Any release of the major will do for a range: npm takes the newest.
  const full = (each: string) => (each.includes('.') ? `${each}.9` : `${each}.99.0`)
  return known.find((each) => satisfies(plain, full(each)) === true)
}

function plainOf(language: Language, version: string): string {
  const text = version.toLowerCase()
  if (language === 'node') {
    if (/^(lts\/\*|node|stable|current|latest|lts|system)$/.test(text)) return TOOLCHAINS.node.has
    return LTS_NAMES[text.replace(/^lts\/|^lts-/, '')] ?? text.replace(/^v/, '')
  }
  // `temurin-21.0.2`, `21-tem`, `1.8`: the number that people call the version by.
  if (language === 'java') return /(?:^|\D)(?:1\.)?(\d{1,2})(?=\D|$)/.exec(text)?.[1] ?? text
  return text.replace(/^(ruby-|cpython-|v|stable$)/, '') || TOOLCHAINS[language].has
}
