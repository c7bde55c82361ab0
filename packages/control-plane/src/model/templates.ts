import { CaissonError } from '@caisson/protocol/api';
import type { Language } from '@caisson/protocol/api';
import type { Resources, Template } from '@caisson/protocol/ports';
import { resourcesOf as viewOf } from '../views/resources-view.ts';

export interface RequestedResources {
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

/** The template that a job requests, else the one for its language, else the first. */
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
 * Resources of a new sandbox: those requested, else the defaults of `template`, reduced to this server's maximum.
 * @throws CaissonError `validation_failed` if more than the maximum was requested
 */
export function resourcesOf(
  template: Template,
  requested: RequestedResources | undefined,
  maximum: Resources,
): Resources {
  const defaults = within(template.resources, maximum);
  if (requested === undefined) return defaults;
  checkMaximum(requested, maximum);
  return {
    cpuMillicores: requested.cpu ?? defaults.cpuMillicores,
    memoryBytes: requested.memory ?? defaults.memoryBytes,
    diskBytes: requested.disk ?? defaults.diskBytes,
    pids: requested.pids ?? defaults.pids,
  };
}

/** Returns `defaults` itself if it fits: jobs of the same size are recognized by the object. */
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

function checkMaximum(requested: RequestedResources, maximum: Resources): void {
  const maximumView = viewOf(maximum);
  const checks = [
    ['cpu', requested.cpu, maximum.cpuMillicores],
    ['memory', requested.memory, maximum.memoryBytes],
    ['disk', requested.disk, maximum.diskBytes],
    ['pids', requested.pids, maximum.pids],
  ] as const;
  const fields = checks.flatMap(([name, value, limit]) =>
    value === undefined || value <= limit
      ? []
      : [{ field: `resources.${name}`, message: `must be at most ${maximumView[name]} on this server` }],
  );
  if (fields.length > 0) throw new CaissonError('validation_failed', { fields });
}
