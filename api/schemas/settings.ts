import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { z } from '@hono/zod-openapi'
import { Settings } from '../../domain/settings/settings.ts'
import { DenyRule, Policy } from '../../sandbox-policy/policy.ts'
import { AGENTS } from '../agents.ts'
import { line, text } from './common.ts'

const MAX_STATIC_HOSTS = 1000
const MAX_ADDRESSES = 16
const MAX_CAS = 100
const PEM_CHARACTERS = 64 * 1024
const MAX_PORT = 65_535
const HOST = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/

const host = z
  .string()
  .regex(HOST, 'must be a name of a host in lower case')
  .refine((name) => isIP(name) === 0 && !/^[\d.]+$/.test(name), 'must be a name, not an address')

const ca = text(PEM_CHARACTERS).refine(isCa, 'must be one certificate of a CA, in PEM')

const proxy = line(300).refine(isProxy, 'must be http://host:port, without user, path or query')

// Defaults belong to reading: a change that leaves a key out leaves the setting alone.
const { publicUrl, allowedRegistries, gitAllowedHosts, memberInternet, redactQueries } = Settings.shape
const { resourceCeiling, limitCeiling, tasksVisibleTo, sessionIdleMinutes, sessionMaxMinutes } = Settings.shape
const { auditRetentionDays, transcriptRetentionDays, changesRetentionDays, ledgerRetentionDays } = Settings.shape
const { zeroRetentionMinutes } = Settings.shape
const { cloudForMembers, localUse, localDailyTokens, localMonthlyTokens, allowedModels } = Settings.shape
const { defaultResources, defaultLimits, automaticPublishing, alwaysHoldFlagged } = Settings.shape

/** Settings to change, each checked for what the gateway makes of it. */
export const SettingsChangeSchema = z
  .strictObject({
    publicUrl: publicUrl.unwrap().optional(),
    allowedRegistries: allowedRegistries.unwrap().optional(),
    gitAllowedHosts: gitAllowedHosts.unwrap().optional(),
    resourceCeiling: resourceCeiling.unwrap().optional(),
    limitCeiling: limitCeiling.unwrap().optional(),
    tasksVisibleTo: tasksVisibleTo.unwrap().optional(),
    sessionIdleMinutes: sessionIdleMinutes.unwrap().optional(),
    sessionMaxMinutes: sessionMaxMinutes.unwrap().optional(),
    auditRetentionDays: auditRetentionDays.unwrap().optional(),
    transcriptRetentionDays: transcriptRetentionDays.unwrap().optional(),
    changesRetentionDays: changesRetentionDays.unwrap().optional(),
    ledgerRetentionDays: ledgerRetentionDays.unwrap().optional(),
    zeroRetentionMinutes: zeroRetentionMinutes.unwrap().optional(),
    networkCeiling: Policy.nullable().optional(),
    networkDeny: z.array(DenyRule).max(1000).optional(),
    memberInternet: memberInternet.unwrap().optional(),
    redactQueries: redactQueries.unwrap().optional(),
    cloudForMembers: cloudForMembers.unwrap().optional(),
    localUse: localUse.unwrap().optional(),
    localDailyTokens: localDailyTokens.unwrap().optional(),
    localMonthlyTokens: localMonthlyTokens.unwrap().optional(),
    allowedModels: allowedModels.unwrap().optional(),
    defaultResources: defaultResources.unwrap().optional(),
    defaultLimits: defaultLimits.unwrap().optional(),
    automaticPublishing: automaticPublishing.unwrap().optional(),
    alwaysHoldFlagged: alwaysHoldFlagged.unwrap().optional(),
    allowedAgents: z.array(z.enum(AGENTS)).max(AGENTS.length).optional(),
    upstreamCas: z.array(ca).max(MAX_CAS).optional(),
    upstreamProxy: proxy.nullable().optional(),
    staticHosts: z
      .record(
        host,
        z
          .array(z.string().refine((address) => isIP(address) !== 0 && !address.includes('%'), 'must be an IP address'))
          .min(1)
          .max(MAX_ADDRESSES),
      )
      .refine((hosts) => Object.keys(hosts).length <= MAX_STATIC_HOSTS, `must be at most ${MAX_STATIC_HOSTS} names`)
      .optional(),
  })
  .openapi('SettingsChange')

/** One certificate, so that a fault names the one that has it; a private key beside it is refused. */
function isCa(pem: string): boolean {
  const blocks = pem.match(/-----BEGIN [A-Z ]+-----/g) ?? []
  if (blocks.length !== 1 || blocks[0] !== '-----BEGIN CERTIFICATE-----') return false
  try {
    return new X509Certificate(pem).ca
  } catch {
    return false
  }
}

function isProxy(address: string): boolean {
  const [, name = '', port = ''] = /^http:\/\/([^/?#@\s:[\]]+|\[[0-9a-f:.]+\]):(\d{1,5})\/?$/.exec(address) ?? []
  const isAddress = isIP(name.replace(/^\[|\]$/g, '')) !== 0
  return (isAddress || HOST.test(name)) && Number(port) > 0 && Number(port) <= MAX_PORT
}
