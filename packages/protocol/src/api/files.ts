import { z } from 'zod';
import { workspacePath } from '../paths/workspace-path.ts';
import { page, pageQuery, timestamp } from './common.ts';

export const fileEntry = z
  .object({
    path: z.string().meta({
      description:
        'Relative to /workspace; identifies exactly this entry. Bytes of a name that are not valid UTF-8 are encoded as ' +
        'U+EF80 to U+EFFF',
      example: 'data/table.csv',
    }),
    name: z.string(),
    type: z.enum(['file', 'directory', 'link', 'other']),
    size_bytes: z.int(),
    mode: z.string().meta({ description: 'Permission bits in octal', example: '0644' }),
    modified_at: timestamp,
  })
  .meta({ id: 'FileEntry' });

export const fileList = page(fileEntry).meta({ id: 'FileList' });
export const fileListQuery = pageQuery.extend({ path: workspacePath.default(workspacePath.parse('')) });
export const uploadedFiles = z.object({ files: z.array(fileEntry) }).meta({ id: 'UploadedFiles' });
