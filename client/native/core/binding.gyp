# Built by specs/support/native.ts, which says where the parts are.
{
  'targets': [
    {
      'target_name': 'swarm_policy',
      'sources': ['addon.cc'],
      'include_dirs': ['<(addon_api)', '.'],
      'libraries': ['<(core)'],
      'defines': ['NAPI_DISABLE_CPP_EXCEPTIONS', 'NAPI_VERSION=9'],
      'cflags': ['-Wall', '-Wextra', '-Werror', '-Wno-cast-function-type', '-fvisibility=hidden'],
      'cflags_cc': ['-std=c++20'],
    },
  ],
}
