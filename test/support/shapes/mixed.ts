import { GO_FILES } from './compiled.ts'
import { json } from './shape.ts'
import type { Shape } from './shape.ts'

export const RUBY_FILES = {
  Gemfile: 'source "https://rubygems.org"\n\ngem "minitest"\ngem "rake"\n',
  Rakefile:
    'require "rake/testtask"\n\nRake::TestTask.new(:test) { |task| task.pattern = "test/**/*_test.rb" }\n\ntask default: :test\n',
  'lib/adding.rb': 'def add(a, b) = a + b\n',
  'test/adding_test.rb':
    'require "minitest/autorun"\nrequire "adding"\n\nclass AddingTest < Minitest::Test\n  def test_add\n    assert_equal 3, add(1, 2)\n  end\nend\n',
}

const ruby: Shape = {
  name: 'Ruby',
  files: {
    ...RUBY_FILES,
    '.gitignore': 'Gemfile.lock\n',
  },
  setup: ['bundle install --local || bundle install'],
  verification: ['bundle exec rake test'],
}

const below = (folder: string, files: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]))

const mono: Shape = {
  name: 'a mono-repository of three languages',
  files: {
    '.gitignore': 'node_modules/\n',
    Makefile: 'test:\n\tmake -C nowhere test\n',
    ...below('services/my api', GO_FILES),
    'web/package.json': json({ name: 'web', version: '1.0.0', scripts: { test: 'node test.js' } }),
    'web/test.js': "require('node:assert').equal(1 + 2, 3)\n",
    'tools/pyproject.toml': '[project]\nname = "tools"\nversion = "1"\ndependencies = ["pytest"]\n',
    'tools/test_tools.py': 'def test_sum():\n    assert 1 + 2 == 3\n',
    'examples/old/package.json': json({ name: 'old', scripts: { test: 'false' } }),
  },
  setup: [
    '(cd tools && python -m pip install pytest)',
    "(cd 'services/my api' && { go build ./... || echo 'go build failed; the agent will see why'; })",
  ],
  verification: [
    '(cd tools && python -m pytest)',
    '(cd web && CI=true npm test)',
    "(cd 'services/my api' && go build ./...)",
    "(cd 'services/my api' && go test ./...)",
  ],
}

const shell: Shape = {
  name: 'a script that tests',
  files: { 'run.sh': 'echo 3\n', 'test.sh': 'test "$(sh run.sh)" = 3\n' },
  setup: [],
  verification: ['bash test.sh'],
}

export const MIXED_SHAPES = [ruby, mono, shell]
