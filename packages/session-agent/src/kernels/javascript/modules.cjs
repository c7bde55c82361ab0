'use strict';
// The code of a step is not a module; its `import` and `export` forms are rewritten, and line numbers stay the same.

const LOADER = '__caisson_module__';
const DEFAULT = '__caisson_default__';

/**
 * The code without module syntax, and its exports: `name`, and an expression `local` that has the value once the code
 * has run. Code that cannot be parsed is left to the JavaScript engine, which says why.
 */
function rewriteModuleSyntax(code, acorn) {
  const tree = parse(code, acorn);
  if (tree === undefined) return { code, exported: [] };
  const edits = [];
  const exported = [];
  for (const statement of tree.body) rewriteStatement(statement, code, edits, exported);
  walk(tree, (node) => rewriteExpression(node, edits));
  return { code: applyEdits(code, edits), exported };
}

function parse(code, acorn) {
  const options = { ecmaVersion: 'latest', allowAwaitOutsideFunction: true, allowHashBang: true };
  try {
    return acorn.parse(code, { ...options, sourceType: 'module' });
  } catch (moduleError) {
    try {
      // Sloppy code with `import()` in it.
      return acorn.parse(code, { ...options, sourceType: 'script' });
    } catch {
      if (/^\s*(?:import|export)\b/m.test(code)) throw new SyntaxError(moduleError.message);
      return undefined;
    }
  }
}

function rewriteStatement(node, code, edits, exported) {
  const replace = (start, end, text) => edits.push({ start, end, text });
  switch (node.type) {
    case 'ImportDeclaration':
      return replace(node.start, node.end, `${bindingsOf(node.specifiers)}${loadOf(node, code)};`);
    case 'ExportAllDeclaration':
      if (node.exported !== null) {
        replace(node.start, node.end, `const ${nameOf(node, 0)} = ${loadOf(node, code)};`);
        exported.push({ name: keyOf(node.exported), local: nameOf(node, 0) });
        return;
      }
      return replace(node.start, node.end, `${loadOf(node, code)};`);
    case 'ExportDefaultDeclaration':
      return rewriteDefault(node, replace, exported);
    case 'ExportNamedDeclaration':
      return rewriteNamed(node, code, replace, exported);
  }
}

function rewriteDefault(node, replace, exported) {
  const { declaration } = node;
  const isNamed = /^(?:Function|Class)Declaration$/.test(declaration.type) && declaration.id !== null;
  replace(node.start, declaration.start, isNamed ? '' : `const ${DEFAULT} = `);
  exported.push({ name: 'default', local: isNamed ? declaration.id.name : DEFAULT });
}

function rewriteNamed(node, code, replace, exported) {
  if (node.declaration !== null) {
    replace(node.start, node.declaration.start, '');
    for (const name of declaredNames(node.declaration)) exported.push({ name, local: name });
    return;
  }
  const source = node.source === null ? undefined : nameOf(node, 0);
  replace(node.start, node.end, source === undefined ? ';' : `const ${source} = ${loadOf(node, code)};`);
  for (const { local, exported: name } of node.specifiers) {
    const expression = source === undefined ? local.name : `${source}[${JSON.stringify(keyOf(local))}]`;
    exported.push({ name: keyOf(name), local: expression });
  }
}

function rewriteExpression(node, edits) {
  if (node.type === 'ImportExpression') {
    edits.push({ start: node.start, end: node.start + 'import'.length, text: `${LOADER}.import` });
  } else if (node.type === 'MetaProperty' && node.meta.name === 'import') {
    edits.push({ start: node.start, end: node.end, text: `${LOADER}.meta` });
  }
}

function bindingsOf(specifiers) {
  if (specifiers.length === 0) return '';
  const namespace = specifiers.find(({ type }) => type === 'ImportNamespaceSpecifier');
  if (namespace !== undefined && specifiers.length === 1) return `const ${namespace.local.name} = `;
  const names = specifiers
    .filter((specifier) => specifier !== namespace)
    .map(({ type, imported, local }) => {
      const key = type === 'ImportDefaultSpecifier' ? 'default' : keyOf(imported);
      return `${JSON.stringify(key)}: ${local.name}`;
    });
  const pattern = `{ ${names.join(', ')} } = `;
  return namespace === undefined ? `const ${pattern}` : `const ${pattern}${namespace.local.name} = `;
}

function loadOf({ source, attributes = [] }, code) {
  const pairs = attributes.map(({ key, value }) => `${JSON.stringify(keyOf(key))}: ${value.raw}`);
  const options = pairs.length === 0 ? '' : `, { with: { ${pairs.join(', ')} } }`;
  return `await ${LOADER}.import(${code.slice(source.start, source.end)}${options})`;
}

const keyOf = (node) => (node.type === 'Identifier' ? node.name : node.value);
const nameOf = (node, index) => `__caisson_${node.start}_${index}__`;

function declaredNames(declaration) {
  if (declaration.type !== 'VariableDeclaration') return [declaration.id.name];
  return declaration.declarations.flatMap(({ id }) => namesOfPattern(id));
}

function namesOfPattern(pattern) {
  switch (pattern?.type) {
    case 'Identifier':
      return [pattern.name];
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) => namesOfPattern(property.value ?? property.argument));
    case 'ArrayPattern':
      return pattern.elements.flatMap(namesOfPattern);
    case 'AssignmentPattern':
      return namesOfPattern(pattern.left);
    case 'RestElement':
      return namesOfPattern(pattern.argument);
    default:
      return [];
  }
}

/** Has its own stack: code can be nested deeper than the call stack allows. */
function walk(root, visit) {
  const stack = [root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (typeof node.type === 'string') visit(node);
    for (const value of Object.values(node)) {
      if (typeof value === 'object' && value !== null && !(value instanceof RegExp)) stack.push(value);
    }
  }
}

function applyEdits(code, edits) {
  let text = '';
  let at = 0;
  for (const edit of edits.sort((a, b) => a.start - b.start)) {
    if (edit.start < at) continue;
    const lines = code.slice(edit.start, edit.end).split('\n').length - 1;
    text += code.slice(at, edit.start) + edit.text + '\n'.repeat(lines);
    at = edit.end;
  }
  return text + code.slice(at);
}

module.exports = { rewriteModuleSyntax };
