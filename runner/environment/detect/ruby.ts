import type { Folder } from './folder.ts'
import { onCopy } from './keep-clean.ts'
import { emptyPart } from './part.ts'
import type { OpenPart, Part, Step } from './part.ts'
import { cut, versionFiles } from './version-files.ts'

const BUNDLE = 'bundle install --local || bundle install'

/** A Ruby project: by its Gemfile, gemspec or Rakefile with Ruby sources. */
export function detectRuby(folder: Folder): Part | undefined {
  const gemspec = folder.below.find((path) => /^[^/]+\.gemspec$/.test(path))
  const tests =
    folder.path === '' ? folder.below.find((path) => /^(test|spec)\/.*_(test|spec)\.rb$/.test(path)) : undefined
  const manifest = folder.first('Gemfile') ?? gemspec ?? folder.first('Rakefile') ?? tests
  if (manifest === undefined) return undefined
  const part = emptyPart('Ruby')
  const gemfile = folder.text('Gemfile')
  addVersion(part, folder)
  const isSeen = gemfile !== undefined && !folder.has('Gemfile.lock') && !folder.ignores('Gemfile.lock')
  if (gemfile !== undefined) addBundle(part, folder, isSeen)
  const step = verification(folder, gemfile ?? '')
  if (step) part.verification.push(gemfile === undefined ? step : bundled(step, folder, isSeen))
  part.manifests.push(...['Gemfile', 'Gemfile.lock', gemspec ?? ''].filter(folder.has).map(folder.at))
  return part
}

function addVersion(part: OpenPart, folder: Folder): void {
  const wanted = versionFiles(folder, 'ruby')
  const [, named] = /^\s*ruby\s*\(?\s*['"](\d[\d.]{0,20})['"]/m.exec(folder.text('Gemfile') ?? '') ?? []
  if (wanted.length > 0) part.versions.push(...wanted)
  else if (named !== undefined)
    part.versions.push({ language: 'ruby', version: cut(named), from: folder.at('Gemfile') })
}

/** Bundler writes a lock file where there is none: on a copy it is no change. */
function bundled({ run, why, from }: Step, folder: Folder, isSeen: boolean): Step {
  if (!isSeen) return { run: `bundle exec ${run}`, why, from }
  const copied = `${why}; on a copy of the work tree, since Bundler writes a Gemfile.lock and no .gitignore names it`
  return { run: onCopy(folder, `bundle exec ${run}`), why: copied, from }
}

function addBundle(part: OpenPart, folder: Folder, isSeen: boolean): void {
  const from = folder.at(folder.first('Gemfile.lock', 'Gemfile') ?? '')
  part.setup.push({
    run: isSeen ? `{ ${BUNDLE}; } && rm -f Gemfile.lock` : BUNDLE,
    why: "installs what the Gemfile names; the image's own gems will do where they fit",
    from,
  })
}

function verification(folder: Folder, gemfile: string): Step | undefined {
  const find = (pattern: RegExp) => folder.below.find((path) => pattern.test(path))
  const spec = find(/^spec\/.*_spec\.rb$/)
  if (folder.has('bin/rails'))
    return { run: 'bin/rails test', why: 'bin/rails shows a Rails application', from: folder.at('bin/rails') }
  if (spec !== undefined && (folder.has('.rspec') || /rspec/.test(gemfile) || !folder.has('Rakefile')))
    return { run: 'rspec', why: 'there are specs', from: folder.at(spec) }
  const rakefile = folder.text('Rakefile') ?? ''
  const task =
    /TestTask\.new\(?\s*:(\w{1,40})/.exec(rakefile)?.[1] ?? /task\s*\(?:?['"]?(test|spec)\b/.exec(rakefile)?.[1]
  if (task !== undefined || /TestTask/.test(rakefile))
    return { run: `rake ${task ?? 'test'}`, why: 'the Rakefile has a task for tests', from: folder.at('Rakefile') }
  const test = find(/^test\/.*(_test|\/test_[^/]*)\.rb$|^test\/test_[^/]*\.rb$/)
  if (test === undefined) return undefined
  const each = `Dir["test/**/{*_test,test_*}.rb"].each { |file| require "./" + file }`
  return {
    run: `ruby -Ilib -Itest -e '${each}'`,
    why: 'there are test files and no task for them',
    from: folder.at(test),
  }
}
