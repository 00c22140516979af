import type { ServiceJson } from '../api/schemas/service.ts'
import type { Values } from './command.ts'
import { usageError } from './errors.ts'
import { numberOf } from './flag-values.ts'

export const SERVICE_OPTIONS = {
  service: {
    type: 'string',
    multiple: true,
    value: 'NAME=IMAGE',
    help: 'a container beside each sandbox, which reaches it as NAME ("": none)',
  },
  'service-env': { type: 'string', multiple: true, value: 'NAME:KEY=VALUE', help: 'a variable of a service' },
  'service-port': {
    type: 'string',
    multiple: true,
    value: 'NAME:PORT',
    help: 'where a service listens (default: where its image says)',
  },
} as const

type ServiceFlags = Values<typeof SERVICE_OPTIONS>

/** The services that the flags name: all that the environment has afterwards. Undefined when they say nothing of services. */
export function servicesFromFlags(flags: ServiceFlags): ServiceJson[] | undefined {
  const { service: named, 'service-env': variables = [], 'service-port': ports = [] } = flags
  if (named === undefined && variables.length === 0 && ports.length === 0) return undefined
  const services = (named ?? []).filter((text) => text !== '').map(serviceOf)
  const find = (flag: string, text: string, name: string) => {
    const found = services.find((service) => service.name === name)
    if (found) return found
    throw usageError(
      `Cannot use --${flag} ${JSON.stringify(text)}: name the service, too, with --service ${name}=IMAGE`,
    )
  }
  for (const text of variables) {
    const [, name = '', key = '', value = ''] = taken('service-env', text, /^([^:=]+):([^=]+)=([^]*)$/)
    const service = find('service-env', text, name)
    service.env = { ...service.env, [key]: value }
  }
  for (const text of ports) {
    const [, name = '', port = ''] = taken('service-port', text, /^([^:=]+):(\d+)$/)
    find('service-port', text, name).port = numberOf('service-port', port)
  }
  return services
}

function serviceOf(text: string): ServiceJson {
  const [, name = '', image = ''] = taken('service', text, /^([^=]+)=(.+)$/)
  return { name, image }
}

function taken(flag: keyof ServiceFlags, text: string, form: RegExp): RegExpExecArray {
  const match = form.exec(text)
  if (match) return match
  throw usageError(`Cannot use --${flag} ${JSON.stringify(text)}: write ${SERVICE_OPTIONS[flag].value}`)
}
