#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes one manual page for each call out of gpudmabuf.h's comments.

gen.py --list HEADER            the pages' file names, one a line
gen.py HEADER VERSION FOLDER    writes them
"""
import pathlib
import re
import sys

ENTRY = re.compile(r'/\*\*\n(.*?)\n \*/\n(.*?;)\n(?=\n|$)', re.S)
BOLD = re.compile(r'(?<![\w.])((?:gdb_|GDB_|DMA_BUF_)\w+)(\(\))?')


class Entry:
    """A comment that begins with two stars, and the declaration behind it."""

    def __init__(self, comment, declaration):
        lines = [line[3:] for line in comment.split('\n')]
        title = re.match(r'(?:(struct|enum|typedef) )?(\w+)(?:\(\))? - (.*)',
                         lines[0])
        self.kind, self.name, self.purpose = title.groups()
        self.declaration = declaration
        self.params, self.body, self.errors = [], [], []
        where = self.params
        for line in lines[1:]:
            param = re.match(r'@(\w+): (.*)', line)
            error = re.match(r' (\w+)\t+(.*)', line)
            if param:
                self.params.append(list(param.groups()))
            elif line == 'Errors:':
                where = self.errors
            elif where is self.errors and error:
                self.errors.append(list(error.groups()))
            elif where is not self.body and where and line.strip():
                where[-1][1] += ' ' + line.strip()
            elif where is self.params and not line:
                where = self.body
            elif where is self.body:
                self.body.append(line)
        self.comment = comment

    def paragraphs(self):
        """Description, and what follows "Return:"."""
        text = '\n'.join(self.body).strip()
        parts = [p.replace('\n', ' ') for p in re.split(r'\n\n+', text) if p]
        returns = [p[8:] for p in parts if p.startswith('Return: ')]
        return [p for p in parts if not p.startswith('Return: ')], returns


def troff(text):
    """One paragraph: special characters, bold names, italic parameters."""
    text = text.replace('\\', '\\e').replace('-', '\\-').replace("'", '\\(aq')
    text = re.sub(r'@([\w>\\-]*\w)', r'\\fI\1\\fR', text)
    text = BOLD.sub(r'\\fB\1\\fR\2', text)
    return '\\&' + text if text[:1] in '.\'' else text


def code(text):
    return '.nf\n' + text.replace('\\', '\\e').replace('-', '\\-') + '\n.fi\n'


def items(pairs):
    return ''.join(f'.TP\n\\fB{name}\\fR\n{troff(text)}\n'
                   for name, text in pairs)


def types_of(entry, types):
    """The structures and enumerations that a call's page has to explain."""
    found, text = [], entry.comment + entry.declaration
    for _ in range(2):  # of what they have inside, too
        found = [t for t in types if t.name != 'gdb_reason' and
                 re.search(rf'\b{t.name}\b', text)]
        text += ''.join(t.comment + t.declaration for t in found)
    return found


def page(entry, types, calls, version):
    description, returns = entry.paragraphs()
    out = [f'.TH {entry.name} 3 "" "gpudmabuf {version}" "GPU memory and NVMe"\n',
           f'.SH NAME\n{entry.name} \\- {troff(entry.purpose)}\n',
           '.SH SYNOPSIS\n', code('#include <gpudmabuf.h>\n\n' + entry.declaration),
           '.PP\nLink with \\fB\\-lgpudmabuf\\fR.\n', '.SH DESCRIPTION\n',
           '.PP\n'.join(troff(p) + '\n' for p in description),
           '.SS Parameters\n' + items(entry.params) if entry.params else '']
    for t in types_of(entry, types):
        out += [f'.SS {"struct" if t.kind == "struct" else t.kind} {t.name}\n',
                troff(t.purpose[0].upper() + t.purpose[1:]) + '.\n.PP\n',
                code(t.declaration), items(t.params)]
    if returns:
        out += ['.SH RETURN VALUE\n', troff(returns[0][0].upper() + returns[0][1:]) + '\n']
    if entry.errors:
        out += ['.SH ERRORS\n', items(entry.errors)]
    safe = 'Not safe while another thread uses the object.' \
        if entry.name in ('gdb_close', 'gdb_buf_free', 'gdb_file_close') \
        else 'Thread-safe.'
    out += ['.SH THREADS\n', safe + '\n', '.SH SEE ALSO\n', ',\n'.join(
        ['.BR gpudmabuf (1)', '.BR gpudmabuf (3)'] +
        [f'.BR {c.name} (3)' for c in calls
         if c.name != entry.name and c.name + '(' in entry.comment]).replace(
             '),\n', ') ,\n') + '\n']
    return ''.join(out)


def overview(header, calls, version):
    comment = re.search(r'^/\*\n(.*?)\n \*/', header[header.index('*/'):], re.S | re.M)
    parts = re.split(r'\n\n+|\n(?= - )', '\n'.join(
        line[3:] for line in comment.group(1).split('\n')))
    out = [f'.TH gpudmabuf 3 "" "gpudmabuf {version}" "GPU memory and NVMe"\n',
           '.SH NAME\ngpudmabuf \\- ', troff(parts[0].split(': ')[1].rstrip('.')),
           '\n.SH SYNOPSIS\n', code('#include <gpudmabuf.h>'), '.SH DESCRIPTION\n']
    for part in parts[1:]:
        bullet = part.lstrip().startswith('- ')
        text = ' '.join(part.split())
        out.append('.IP \\(bu 2\n' + troff(text[2:]) if bullet else '.PP\n' + troff(text))
        out.append('\n')
    out += ['.SH CALLS\n'] + [f'.TP\n.BR {c.name} (3)\n{troff(c.purpose)}\n'
                              for c in calls]
    return ''.join(out)


def main():
    listing = sys.argv[1] == '--list'
    header = pathlib.Path(sys.argv[2 if listing else 1]).read_text(encoding='utf-8')
    entries = [Entry(*match) for match in ENTRY.findall(header)]
    calls = [e for e in entries if not e.kind]
    types = [e for e in entries if e.kind]
    if listing:
        print('\n'.join(['gpudmabuf.3'] + [f'{c.name}.3' for c in calls]))
        return
    version, folder = sys.argv[2], pathlib.Path(sys.argv[3])
    (folder / 'gpudmabuf.3').write_text(overview(header, calls, version), encoding='utf-8')
    for c in calls:
        (folder / f'{c.name}.3').write_text(page(c, types, calls, version), encoding='utf-8')


main()
