import type { Folder } from './folder.ts'
import { emptyPart } from './part.ts'
import type { OpenPart, Part, Step } from './part.ts'
import { cut, versionFile } from './version-files.ts'

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
  if (gemfile !== undefined) addBundle(part, folder)
  const step = verification(folder, gemfile ?? '')
  if (step) part.verification.push(gemfile === undefined ? step : { ...step, run: `bundle exec ${step.run}` })
  part.manifests.push(...['Gemfile', 'Gemfile.lock', gemspec ?? ''].filter(folder.has).map(folder.at))
  return part
}

function addVersion(part: OpenPart, folder: Folder): void {
  const wanted = versionFile(folder, 'ruby')
  const [, named] = /^\s*ruby\s*\(?\s*['"](\d[\d.]{0,20})['"]/m.exec(folder.text('Gemfile') ?? '') ?? []
  if (wanted) part.versions.push(wanted)
  else if (named !== undefined)
    part.versions.push({ language: 'ruby', version: cut(named), from: folder.at('Gemfile') })
}

function addBundle(part: OpenPart, folder: Folder): void {
  const from = folder.at(folder.first('Gemfile.lock', 'Gemfile') ?? '')
  part.setup.push({
    run: 'bundle install --local || bundle install',
    why: "installs what the Gemfile names; the image's own gems will do where they fit",
    from,
  })
  if (folder.has('Gemfile.lock') || folder.ignores('Gemfile.lock')) return
  const why = 'Bundler makes it: commit it, or ignore it'
  part.notes.push({ what: 'Gemfile.lock appears in every change', why, from })
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
