import { CaissonError } from '@caisson/protocol/api';
import type { Language } from '@caisson/protocol/api';
import type { Resources, Template } from '@caisson/protocol/ports';
import { resourcesOf as viewOf } from '../views/resources-view.ts';

export interface AskedResources {
  readonly cpu?: number | undefined;
  readonly memory?: number | undefined;
  readonly disk?: number | undefined;
  readonly pids?: number | undefined;
}

/** @throws CaissonError `template_not_found` */
export function findTemplate(templates: readonly Template[], id: string): Template {
  const template = templates.find((one) => one.id === id);
  if (template !== undefined) return template;
  throw new CaissonError('template_not_found', { id, known: templates.map((one) => one.id) });
}

/** The template that a job asks for, or else the one of its language, or else the first. */
export function templateOfJob(
  templates: readonly Template[],
  id: string | undefined,
  language: Language | undefined,
): Template {
  if (id !== undefined) return findTemplate(templates, id);
  const ofLanguage =
    templates.find(({ languages }) => languages[0] === language) ??
    templates.find(({ languages }) => language !== undefined && languages.includes(language));
  const template = ofLanguage ?? (language === undefined ? templates[0] : undefined);
  if (template !== undefined) return template;
  throw new CaissonError('language_not_in_template', {
    language: language ?? '',
    template: templates.map((one) => one.id).join(', '),
    known: [...new Set(templates.flatMap(({ languages }) => languages))],
  });
}

/** @throws CaissonError `language_not_in_template` */
export function languageOf(
  template: { readonly id: string; readonly languages: readonly [Language, ...Language[]] },
  language: Language | undefined,
): Language {
  if (language === undefined) return template.languages[0];
  if (template.languages.includes(language)) return language;
  throw new CaissonError('language_not_in_template', {
    language,
    template: template.id,
    known: template.languages,
  });
}

/**
 * What a sandbox of `template` is made with: what was asked for, else the template's own, but no more than this server can give.
 * @throws CaissonError `validation_failed` where more was asked for
 */
export function resourcesOf(
  template: Template,
  asked: AskedResources | undefined,
  maximum: Resources,
): Resources {
  const defaults = within(template.resources, maximum);
  if (asked === undefined) return defaults;
  checkMaximum(asked, maximum);
  return {
    cpuMillicores: asked.cpu ?? defaults.cpuMillicores,
    memoryBytes: asked.memory ?? defaults.memoryBytes,
    diskBytes: asked.disk ?? defaults.diskBytes,
    pids: asked.pids ?? defaults.pids,
  };
}

/** The same object where it fits, for jobs of the same size are told by it. */
function within(defaults: Resources, maximum: Resources): Resources {
  const names = ['cpuMillicores', 'memoryBytes', 'diskBytes', 'pids'] as const;
  if (names.every((name) => defaults[name] <= maximum[name])) return defaults;
  return {
    cpuMillicores: Math.min(defaults.cpuMillicores, maximum.cpuMillicores),
    memoryBytes: Math.min(defaults.memoryBytes, maximum.memoryBytes),
    diskBytes: Math.min(defaults.diskBytes, maximum.diskBytes),
    pids: Math.min(defaults.pids, maximum.pids),
  };
}

function checkMaximum(asked: AskedResources, maximum: Resources): void {
  const most = viewOf(maximum);
  const checks = [
    ['cpu', asked.cpu, maximum.cpuMillicores],
    ['memory', asked.memory, maximum.memoryBytes],
    ['disk', asked.disk, maximum.diskBytes],
    ['pids', asked.pids, maximum.pids],
  ] as const;
  const fields = checks.flatMap(([name, value, limit]) =>
    value === undefined || value <= limit
      ? []
      : [{ field: `resources.${name}`, message: `must be at most ${most[name]} on this server` }],
  );
  if (fields.length > 0) throw new CaissonError('validation_failed', { fields });
}
