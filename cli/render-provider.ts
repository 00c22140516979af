import type { ProviderJson } from '../api/schemas/provider.ts'
import { duration } from './render-task.ts'
import { neutraliseLine } from './terminal.ts'
import type { Style } from './terminal.ts'

/** A provider with everything that is set, for reading; of its key only whether there is one. */
export function renderProvider(provider: ProviderJson, style: Style): string {
  const { id, name, wire, baseUrl, hasKey, keyHeader, internal, models, features, budgetTokens } = provider
  const line = (label: string, value: string) => `  ${label.padEnd(13)}${neutraliseLine(value)}`
  const header = keyHeader === null ? '' : `, as ${keyHeader.name}: ${keyHeader.prefix}…`
  return [
    `${style('bold', name)}${provider.isDefault ? ` (default for ${wire})` : ''}`,
    line('id', id),
    line('wire', wire),
    line('url', `${baseUrl}${internal ? ' (internal)' : ''}`),
    line('key', hasKey ? `set${header}` : 'none'),
    line('models', models.length === 0 ? 'any' : models.join(', ')),
    line('features', features.length === 0 ? 'none' : features.join(', ')),
    line('max output', `${provider.maxOutputTokens} tokens`),
    line('concurrency', String(provider.concurrency)),
    line('limits', `silent ${duration(provider.idleMs)}, in all ${duration(provider.totalMs)}`),
    line('budget', budgetTokens === null ? 'none' : `${budgetTokens} tokens an attempt`),
  ].join('\n')
}
