/** From which product a request of this interface comes. */
export function productOf(userAgent: string | undefined): 'cli' | 'api' {
  return userAgent?.startsWith('codex_cli_rs/') === true ? 'cli' : 'api'
}

/** Which command of the Codex CLI asks, as it says itself at the end of its user agent. */
export function commandOf(userAgent: string | undefined): string | undefined {
  if (productOf(userAgent) !== 'cli') return undefined
  return /\((codex_cloud_tasks_[a-z]{1,20})\)$/.exec(userAgent ?? '')?.[1]
}
