package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"

	"rosey/streams/embedded"
)

// lookAtFiles checks the disk under the data folder and who may read it.
func (e *examination) lookAtFiles() {
	data := string(e.cfg.Dir)
	if _, err := os.Stat(data); errors.Is(err, fs.ErrNotExist) {
		return // everything is elsewhere
	}
	e.lookAtDisks(data)
	e.lookAtModes(data)
}

// lookAtDisks: store, spools and database may be on disks of their own.
func (e *examination) lookAtDisks(data string) {
	places := []string{data, filepath.Dir(e.cfg.Dir.Spool("channel"))}
	if !e.cfg.External {
		places = append(places, e.cfg.Dir.JetStream())
	}
	for _, s := range e.report.Spools {
		places = append(places, filepath.Dir(s.Path))
	}
	least := int64(-1)
	for _, place := range places {
		if _, err := os.Stat(place); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		free, err := freeBytes(place)
		if err != nil {
			e.unknown(DiskFree, "", "free space under %s cannot be told: %v", place, err)
			return
		}
		if free < embedded.DefaultMinFree {
			e.wrong(DiskFree, "make room on that disk", "%s left under %s: writing stops when it is full", humanize.IBytes(uint64(free)), place)
			return
		}
		if least < 0 || free < least {
			least = free
		}
	}
	e.ok(DiskFree, "%s left", humanize.IBytes(uint64(max(least, 0))))
}

// lookAtModes looks for what others than the owner may open.
func (e *examination) lookAtModes(data string) {
	var open []string
	seen := 0
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // files come and go
			}
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return nil
		}
		seen++
		if perm := info.Mode().Perm(); perm&0o077 != 0 {
			open = append(open, fmt.Sprintf("%s has mode %04o", path, perm))
		}
		return nil
	})
	switch {
	case err != nil:
		e.unknown(FilesPrivate, "run this command as the owner of the data folder", "the data folder cannot be looked through: %v", err)
	case len(open) > 0:
		e.wrong(FilesPrivate, "chmod -R go= "+quoted(data), "others than the owner may open %s: %s", plural(len(open), "file or folder", "files and folders"), some(open))
	default:
		e.ok(FilesPrivate, "%s of the owner alone", plural(seen, "file or folder", "files and folders"))
	}
}

// quoted writes a path as a shell reads it.
func quoted(path string) string {
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
