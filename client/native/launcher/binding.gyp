# Built by client/native/install.cjs in the package, by specs/support/native.ts in the repository.
{
  'targets': [
    {
      'target_name': 'swarm_launcher',
      'sources': ['addon.cc', 'launches.cc', 'launch.c', 'child.c', 'root.c', 'root_child.c', 'terminal.c'],
      'include_dirs': ['<(addon_api)', '.'],
      'defines': ['NAPI_DISABLE_CPP_EXCEPTIONS', 'NAPI_VERSION=9', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'],
      'cflags': ['-Wall', '-Wextra', '-Wno-cast-function-type', '-fvisibility=hidden', '<@(strict)'],
      # A launch may still be in this code when the thread of Node that asked for it ends.
      'ldflags': ['-Wl,-z,nodelete'],
      'cflags_c': ['-std=gnu11'],
      'cflags_cc': ['-std=c++20'],
      'variables': {'strict%': []},
    },
  ],
}
