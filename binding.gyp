{
  # Two products: the addon that Node loads, and the freestanding programs. The latter
  # have nothing in common with Node's compiler flags and include folders, so they are made by their own
  # makefile instead of inheriting node-gyp's defaults.
  'targets': [
    {
      'target_name': 'barchan',
      'type': 'loadable_module',
      'sources': ['<!@(node scripts/find-sources.mjs native/addon .cc)'],
      'include_dirs': ['native', '<!(node -p "require(\'node-addon-api\').include_dir")'],
      'defines': ['NAPI_VERSION=9', 'NODE_ADDON_API_DISABLE_DEPRECATED', 'NAPI_DISABLE_CPP_EXCEPTIONS'],
      'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Wno-unused-parameter', '-fvisibility=hidden', '-fstack-protector-strong'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'ldflags': ['-Wl,-z,relro,-z,now'],
    },
    {
      'target_name': 'freestanding',
      'type': 'none',
      'actions': [
        {
          'action_name': 'make_freestanding',
          'inputs': [
            '<!@(node scripts/find-sources.mjs native .cc .S .h .def .mk)',
          ],
          'outputs': ['<(PRODUCT_DIR)/barchan-monitor', '<(PRODUCT_DIR)/barchan-supervisor', '<(PRODUCT_DIR)/barchan-keeper',
            '<(PRODUCT_DIR)/barchan-files', '<(PRODUCT_DIR)/barchan-network', '<(PRODUCT_DIR)/barchan-runtime'],
          'action': [
            'env', 'MAKEFLAGS=', 'make', '-s', '-j<!(nproc)', '-C', '<(module_root_dir)', '-f', 'native/product.mk',
            'OUT=<(PRODUCT_DIR)', 'B=<(PRODUCT_DIR)/freestanding',
          ],
          'message': 'Building the freestanding programs',
        },
      ],
    },
  ],
}
