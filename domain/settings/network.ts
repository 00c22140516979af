import { z } from 'zod'

const PEM_CHARACTERS = 64 * 1024
const MAX_RULES = 1000

// Policies and rules are checked by the api, which knows their form; here they are objects.
const policy = z.record(z.string(), z.unknown())

/** What administrators set for the network of all sandboxes. */
export const networkSettings = {
  /** Nothing that this policy does not allow, too, passes, whatever an environment says; null: no ceiling. */
  networkCeiling: policy.nullable().default(null),
  /** Rules that deny, over every environment's policy. */
  networkDeny: z.array(policy).max(MAX_RULES).default([]),
  /** May members open the network for agents at all. */
  memberInternet: z.boolean().default(false),
  /** Keep query strings out of the ledger: their length stands for them. */
  redactQueries: z.boolean().default(false),
  /** CAs that the gateway trusts upstream besides the system's, PEM. */
  upstreamCas: z.array(z.string().max(PEM_CHARACTERS)).max(100).default([]),
  /** A proxy that all upstream connections take: `http://host:port`. */
  upstreamProxy: z.string().max(300).nullable().default(null),
  /** Names with fixed addresses in place of DNS. */
  staticHosts: z.record(z.string(), z.array(z.string())).default({}),
}
