import { resolve } from 'node:path'
import { dataFolder } from '../cli/config.ts'
import type { CliContext } from '../cli/context.ts'

/** The flag of commands that work on the data folder of a server of this machine. */
export const DATA_OPTION = {
  data: {
    type: 'string',
    value: 'DIR',
    help: "the server's data folder (default ~/.local/share/drydock, as root /var/lib/drydock)",
  },
} as const

/** The folder that is meant. */
export const dataFolderOf = ({ data }: { data?: string | undefined }, { env, cwd }: Pick<CliContext, 'env' | 'cwd'>) =>
  data === undefined ? dataFolder(env) : resolve(cwd, data)
