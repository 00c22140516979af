import { chunks } from './chunks.ts'
import { dns } from './dns.ts'
import { hellos } from './hellos.ts'
import { ledgerLines } from './ledger-lines.ts'
import { modelBodies } from './model-bodies.ts'
import { authorities, names } from './names.ts'
import { policies } from './policies.ts'
import { requests } from './requests.ts'
import { responses } from './responses.ts'
import type { AnyTarget } from './target.ts'

/** Everything of the gateway that reads what a sandbox, a server or an administrator sends. */
export async function gatewayTargets(): Promise<AnyTarget[]> {
  return [names, authorities, requests, responses, chunks, await hellos(), dns, ledgerLines, modelBodies, policies]
}
