import type { LinkingForge } from '../../forge/forge.ts'

/** A forge that knows every token, each of another account, and lets everybody push. */
export function aForge(overrides: Partial<LinkingForge> = {}): LinkingForge {
  let accounts = 0
  return {
    host: 'github.test',
    accountOf: async () => ({ login: 'octocat', id: ++accounts }),
    pushRight: async () => 'push',
    ...overrides,
  }
}
