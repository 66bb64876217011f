package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"rosey/internal/loss"
	"rosey/streams"
)

// Format is the version of the folder's layout that this program writes and reads.
const Format = 1

// ManifestName is the file that makes a folder a backup.
const ManifestName = "manifest.json"

// Where things lie in a backup.
const (
	streamFolder   = "stream"
	databaseFolder = "database"
	spoolFolder    = "spool"
)

// Manifest says what a backup holds.
type Manifest struct {
	Format  int    `json:"format"`
	Program string `json:"program"`
	BeganMS int64  `json:"began_ms"`
	EndedMS int64  `json:"ended_ms"`

	Stream StreamFile `json:"stream"`
	// Queue is null where the server had no outbound queue.
	Queue *StreamFile `json:"queue"`
	// Database is null where there was none to copy; Notes say why.
	Database *DatabaseFile `json:"database"`
	Spools   []SpoolFile   `json:"spools"`
	// Lost is what the stream had lost as it was copied, as far as the tables tell. It is
	// not there where nothing is known to be lost.
	Lost *loss.Lost `json:"lost,omitempty"`
	// Notes are what a person should know of this backup.
	Notes []string `json:"notes"`
	// Files are all files beside the manifest.
	Files []File `json:"files"`
}

// File is one file of a backup.
type File struct {
	// Path is below the backup's folder, with slashes.
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// StreamFile is the copy of a stream or of a bucket.
type StreamFile struct {
	Path string `json:"path"`
	streams.Snapshot
}

// DatabaseFile is the copy of a database.
type DatabaseFile struct {
	Path        string `json:"path"`
	Checkpoint  uint64 `json:"checkpoint_seq"`
	StreamID    string `json:"stream_id"`
	Fingerprint string `json:"fingerprint"`
}

// SpoolFile is the copy of a spool.
type SpoolFile struct {
	Path string `json:"path"`
	// Waiting is how many of its events were not sent yet.
	Waiting int64 `json:"waiting"`
	// Producer is the last run on it, LastSeq the last sequence of that.
	Producer string `json:"producer,omitempty"`
	LastSeq  uint64 `json:"last_seq,omitempty"`
	// InUse says that a bot had it: that run went on behind the copy.
	InUse bool `json:"in_use"`
}

// Bytes is the size of all files.
func (m *Manifest) Bytes() int64 {
	var sum int64
	for _, f := range m.Files {
		sum += f.Bytes
	}
	return sum
}

func (m *Manifest) file(name string) (File, bool) {
	i := slices.IndexFunc(m.Files, func(f File) bool { return f.Path == name })
	if i < 0 {
		return File{}, false
	}
	return m.Files[i], true
}

// write makes the folder a backup, in one step and on the disk.
func (m *Manifest) write(dir string) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	if err := renameio.WriteFile(filepath.Join(dir, ManifestName), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	return syncPath(dir)
}

// maxManifest bounds what is read as a manifest: it holds a few hundred bytes for
// each file.
const maxManifest = 16 << 20

// readManifest reads and judges the manifest of a folder.
func readManifest(dir string) (*Manifest, error) {
	data, err := readLimited(filepath.Join(dir, ManifestName), maxManifest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, whatInstead(dir)
	case errors.Is(err, errTooLong):
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return nil, err
	}
	return parseManifest(data)
}

// whatInstead says what a folder without a manifest is.
func whatInstead(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrNoBackup, err)
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if slices.Contains([]string{streamFolder, databaseFolder, spoolFolder, takingName}, e.Name()) {
			if _, err := os.Stat(filepath.Join(dir, "jetstream")); err == nil {
				break // a data folder has spools too
			}
			return ErrCutOff
		}
	}
	return ErrNoBackup
}

func parseManifest(data []byte) (*Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, ManifestName, err)
	}
	if m.Format != Format {
		return nil, fmt.Errorf("%w: format %d, made by version %q; this program knows %d", ErrFormat, m.Format, m.Program, Format)
	}
	return &m, m.check()
}

// check refuses a manifest that names what is not in it, or what is not below the
// backup's folder.
func (m *Manifest) check() error {
	seen := map[string]bool{}
	for _, f := range m.Files {
		local := filepath.IsLocal(filepath.FromSlash(f.Path)) && path.Clean(f.Path) == f.Path && !strings.Contains(f.Path, `\`)
		if !local || f.Path == ManifestName || f.Bytes < 0 || len(f.SHA256) != 64 || seen[f.Path] {
			return fmt.Errorf("%w: the manifest has an entry %q that cannot be", ErrDamaged, f.Path)
		}
		seen[f.Path] = true
	}
	names := []string{m.Stream.Path}
	if m.Queue != nil {
		if m.Queue.Stream != streams.OutboundStream {
			return fmt.Errorf("%w: the manifest has a queue %q", ErrDamaged, m.Queue.Stream)
		}
		names = append(names, m.Queue.Path)
	}
	if m.Database != nil {
		names = append(names, m.Database.Path)
	}
	for _, s := range m.Spools {
		if path.Dir(s.Path) != spoolFolder {
			return fmt.Errorf("%w: the manifest has a spool %q", ErrDamaged, s.Path)
		}
		names = append(names, s.Path)
	}
	for _, name := range names {
		if !seen[name] {
			return fmt.Errorf("%w: the manifest lacks the file %q", ErrDamaged, name)
		}
	}
	if m.Stream.Stream != streams.StreamName || len(bytes.TrimSpace(m.Stream.Config)) == 0 {
		return fmt.Errorf("%w: the manifest describes no stream", ErrDamaged)
	}
	return nil
}
