import { CaissonError } from '@caisson/protocol';
import type { Language, Resources, Template } from '@caisson/protocol';

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

export function resourcesOf(template: Template, asked: AskedResources | undefined): Resources {
  const defaults = template.resources;
  if (asked === undefined) return defaults;
  return {
    cpuMillicores: asked.cpu ?? defaults.cpuMillicores,
    memoryBytes: asked.memory ?? defaults.memoryBytes,
    diskBytes: asked.disk ?? defaults.diskBytes,
    pids: asked.pids ?? defaults.pids,
  };
}
