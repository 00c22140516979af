import { COMMON_DOMAINS } from '../../sandbox-policy/presets.ts'
import { parsePattern } from '../../sandbox-policy/patterns.ts'
import { Policy } from '../../sandbox-policy/policy.ts'
import { HOST } from './load.ts'

/** 71 domains and what is below them, each with methods and a path, and the far side's. */
export function benchPolicy(): Policy {
  const domains = COMMON_DOMAINS.slice(0, 71)
  // Of some, anyone can have a name below: those are named as they are.
  const hostOf = (domain: string) => (parsePattern(`**.${domain}`).ok ? `**.${domain}` : domain)
  const methods = ['GET', 'HEAD', 'OPTIONS']
  return Policy.parse({
    allow: [
      ...domains.map((domain) => ({ host: hostOf(domain), methods, path: '/packages' })),
      { host: HOST, methods: ['GET'], path: '/bench', internal: true },
    ],
  })
}
