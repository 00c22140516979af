type Version = readonly [number, number, number]

/** Says whether a version lies in an npm range: comparators, `^`, `~`, `x`, hyphens and `||`. Undefined for other text. */
export function satisfies(range: string, version: string): boolean | undefined {
  const [at] = parsed(version) ?? []
  if (at === undefined || range.length > 200) return undefined
  const results = range.split('||').map((part) => holds(part, at))
  if (results.includes(true)) return true
  return results.includes(undefined) ? undefined : false
}

function holds(part: string, version: Version): boolean | undefined {
  const hyphened = part.trim().replace(/^(\S+) +- +(\S+)$/, '>=$1 <=$2')
  const words = hyphened
    .replace(/([<>=^~]) +/g, '$1')
    .split(/ +|,/)
    .filter(Boolean)
  const results = words.map((word) => compares(word, version))
  if (results.includes(undefined)) return undefined
  return results.every(Boolean)
}

function compares(word: string, version: Version): boolean | undefined {
  const [, operator = '', text = ''] = /^(>=|<=|>|<|=|\^|~)?v?(.*)$/.exec(word) ?? []
  const [given, parts] = parsed(text) ?? []
  if (given === undefined || parts === undefined) return undefined
  if (parts === 0) return true
  const order = compare(version, given)
  const inside = compare(version, next(given, parts)) < 0
  if (operator === '>=') return order >= 0
  if (operator === '<') return order < 0
  if (operator === '<=') return order <= 0 || (order > 0 && inside)
  if (operator === '>') return order > 0 && !inside
  if (operator === '^') return order >= 0 && compare(version, next(given, given[0] > 0 ? 1 : 2)) < 0
  if (operator === '~') return order >= 0 && compare(version, next(given, Math.min(parts, 2))) < 0
  return order >= 0 && inside
}

/** The three numbers and how many of them were given. */
function parsed(text: string): readonly [Version, number] | undefined {
  const [, major, minor, patch] =
    /^(\d{1,4}|[xX*]|)(?:\.(\d{1,4}|[xX*]))?(?:\.(\d{1,4}|[xX*]))?(?:[-+].*)?$/.exec(text) ?? []
  if (major === undefined) return undefined
  const numbers = [major, minor, patch].map((each) =>
    each === undefined || !/^\d/.test(each) ? undefined : Number(each),
  )
  const given = numbers.indexOf(undefined)
  return [[numbers[0] ?? 0, numbers[1] ?? 0, numbers[2] ?? 0], given < 0 ? 3 : given]
}

/** The first version that differs in the given number of leading parts. */
function next(version: Version, parts: number): Version {
  const [major, minor, patch] = version
  if (parts <= 1) return [major + 1, 0, 0]
  return parts === 2 ? [major, minor + 1, 0] : [major, minor, patch + 1]
}

function compare(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}
