import type { Shape } from './shape.ts'

const ADD = 'def add(a, b):\n    return a + b\n'
const TEST = 'from adding import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n'
const IN_PLACE = 'python -m pip install --no-build-isolation --check-build-dependencies'

const pip: Shape = {
  name: 'Python with requirement files',
  files: {
    'requirements.txt': '# nothing at run time\n',
    'requirements-dev.txt': 'pytest>=7\n',
    '.python-version': '3.11.4\n',
    'adding.py': ADD,
    'tests/test_add.py': TEST,
  },
  setup: ['python -m pip install -r requirements.txt', 'python -m pip install -r requirements-dev.txt'],
  verification: ['python -m pytest'],
  reasons: [{ what: "python 3.13, the image's", from: '.python-version' }],
}

const pyproject: Shape = {
  name: 'Python with setuptools in pyproject.toml',
  files: {
    'pyproject.toml': [
      '[build-system]',
      'requires = ["setuptools>=61"]',
      'build-backend = "setuptools.build_meta"',
      '[project]',
      'name = "adding"',
      'version = "1.0"',
      'requires-python = ">=3.9"',
      '[project.optional-dependencies]',
      'test = ["pytest"]',
      '[tool.setuptools.packages.find]',
      'where = ["src"]',
      '',
    ].join('\n'),
    'src/adding/__init__.py': ADD,
    'tests/test_add.py': TEST,
  },
  setup: [`${IN_PLACE} -e '.[test]' || python -m pip install -e '.[test]'`, 'rm -rf ./*.egg-info src/*.egg-info'],
  verification: ['python -m pytest'],
}

const poetry: Shape = {
  name: 'Poetry',
  files: {
    'pyproject.toml': [
      '[tool.poetry]',
      'name = "adding"',
      'version = "1.0.0"',
      'description = ""',
      'authors = ["A <a@example.test>"]',
      'packages = [{ include = "adding" }]',
      '[tool.poetry.dependencies]',
      'python = "^3.9"',
      '[tool.poetry.group.dev.dependencies]',
      'pytest = "^8.0"',
      '[build-system]',
      'requires = ["poetry-core"]',
      'build-backend = "poetry.core.masonry.api"',
      '',
    ].join('\n'),
    'adding/__init__.py': ADD,
    'tests/test_add.py': TEST,
  },
  setup: [`{ poetry install --no-interaction && rm -f poetry.lock; } || ${IN_PLACE} --no-index -e .`],
  verification: ['python -m pytest'],
}

const unmanaged: Shape = {
  name: 'Python without a manifest',
  files: {
    'adding.py': ADD,
    'tests.py': `import unittest\n${TEST.split('\n')[0]}\n\nclass T(unittest.TestCase):\n    def test_add(self):\n        self.assertEqual(add(1, 2), 3)\n`,
  },
  setup: [],
  verification: ['python -m unittest discover'],
}

/** What `uv init` writes; its build backend is at PyPI only. */
const uv: Shape = {
  name: 'uv',
  files: {
    'pyproject.toml': [
      '[project]',
      'name = "adding"',
      'version = "1.0"',
      'dependencies = []',
      '[dependency-groups]',
      'dev = ["pytest>=8"]',
      '[build-system]',
      'requires = ["uv_build>=0.8,<0.9"]',
      'build-backend = "uv_build"',
      '',
    ].join('\n'),
    'uv.lock': 'version = 1\n',
    'src/adding/__init__.py': ADD,
    'tests/test_add.py': TEST,
  },
  setup: ['python -m pip install -e . --group dev || python -m pip install --group dev'],
  verification: ['PYTHONPATH=src python -m pytest'],
  reasons: [{ what: 'uv.lock is not used', from: 'uv.lock' }],
}

export const PYTHON_SHAPES = [pip, pyproject, poetry, uv, unmanaged]
