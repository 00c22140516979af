/** Takes `--profile NAME` out of what was typed, wherever it is: it means the same for every command. What follows `--` stays. */
export function takeProfile(argv: readonly string[]): { profile: string | undefined; rest: readonly string[] } {
  const end = argv.indexOf('--')
  const own = end < 0 ? argv : argv.slice(0, end)
  const at = own.findIndex((word) => word === '--profile' || word.startsWith('--profile='))
  const word = own[at]
  if (word === undefined) return { profile: undefined, rest: argv }
  const [profile, count] = word === '--profile' ? [own[at + 1] ?? '', 2] : [word.slice('--profile='.length), 1]
  return { profile, rest: argv.toSpliced(at, count) }
}
