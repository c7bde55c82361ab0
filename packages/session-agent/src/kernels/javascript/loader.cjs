'use strict';
const vm = require('node:vm');
const { pathToFileURL } = require('node:url');

/** Called by rewritten `import` forms, which resolve as if in a file of the workspace. */
function makeLoader(workspace) {
  const filename = `${workspace}/step.js`;
  let load;
  return {
    import(specifier, options) {
      load ??= vm.compileFunction('return import(specifier, options)', ['specifier', 'options'], {
        filename,
        importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      });
      return load(specifier, options);
    },
    get meta() {
      return { url: pathToFileURL(filename).href, filename, dirname: workspace };
    },
  };
}

module.exports = { makeLoader };
