import type { Folder } from './folder.ts'
import { parseJson, string, table } from './parse.ts'
import { emptyPart } from './part.ts'
import type { Part } from './part.ts'

const APT = 'apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install'
const SCRIPTS = [
  'test.sh',
  'run_tests.sh',
  'run-tests.sh',
  'script/test',
  'scripts/test',
  'scripts/test.sh',
  'tests/run.sh',
  'test/run.sh',
]

/** PHP, which the image does not have: Debian's packages come in set-up. */
export function detectPhp(folder: Folder): Part | undefined {
  const text = folder.text('composer.json')
  if (text === undefined) return undefined
  const part = emptyPart('PHP')
  const from = folder.at('composer.json')
  const read = parseJson(text)
  const scripts = read.ok ? table(read.value, 'scripts') : {}
  if (!read.ok)
    part.notes.push({ what: 'composer.json is not understood', why: `it cannot be read: ${read.error}`, from })
  const run = `command -v composer >/dev/null || { ${APT} php-cli php-xml php-mbstring php-curl composer; }`
  part.setup.push({ run, why: 'the image has no PHP; Debian does', from })
  part.setup.push({
    run: 'COMPOSER_ALLOW_SUPERUSER=1 composer install --no-interaction',
    why: 'installs what composer.json names',
    from,
  })
  const isScript = string(scripts.test) !== undefined || Array.isArray(scripts.test)
  if (isScript) part.verification.push({ run: 'composer test', why: 'the project has a script "test"', from })
  else if (folder.first('phpunit.xml', 'phpunit.xml.dist') !== undefined)
    part.verification.push({ run: 'vendor/bin/phpunit', why: 'there is a configuration of PHPUnit', from })
  part.manifests.push(...['composer.json', 'composer.lock'].filter(folder.has).map(folder.at))
  return part
}

/** A repository in no known language that has a script for its tests. */
export function detectScript(folder: Folder): Part | undefined {
  const name = folder.first(...SCRIPTS)
  if (name === undefined) return undefined
  const part = emptyPart('Shell')
  part.verification.push({ run: `bash ${name}`, why: 'the name says that it runs the tests', from: folder.at(name) })
  return part
}
