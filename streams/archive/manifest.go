package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"

	"rosey/streams"
)

const (
	// manifestName is the file that makes a folder an archive.
	manifestName = "manifest.json"
	// format tells an archive from other JSON, version one layout from another.
	format = "rosey-archive"
	// version is the layout that this program knows. An archive is of version 1 until
	// something in it was forgotten: names of segments are longer then.
	version = 2
	// maxManifest bounds what is read as a manifest: it holds a few hundred bytes
	// for each segment.
	maxManifest = 64 << 20
)

// Manifest says what an archive holds.
type Manifest struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Stream  Origin `json:"stream"`
	// FirstSeq and LastSeq are what the archive covers. What has no message in
	// between was erased. LastSeq is FirstSeq-1 for an archive of nothing.
	FirstSeq uint64    `json:"first_seq"`
	LastSeq  uint64    `json:"last_seq"`
	Messages uint64    `json:"messages"`
	Segments []Segment `json:"segments"`
}

// Origin is the stream an archive was made of.
type Origin struct {
	Name    string    `json:"name"`
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
}

// Segment is one file of an archive.
type Segment struct {
	Name     string `json:"name"`
	FirstSeq uint64 `json:"first_seq"`
	LastSeq  uint64 `json:"last_seq"`
	Messages uint64 `json:"messages"`
	// Erased counts the sequences without a message: they were gone from the stream
	// when it was read, or were forgotten since.
	Erased uint64 `json:"erased"`
	// Forgotten counts those of them that were forgotten by name, whatever the stream
	// had of them.
	Forgotten uint64 `json:"forgotten,omitempty"`
	// Rewritten counts how often it was written anew to forget something.
	Rewritten uint64    `json:"rewritten,omitempty"`
	FirstTime time.Time `json:"first_time,omitzero"`
	LastTime  time.Time `json:"last_time,omitzero"`
	// Bytes and SHA256 are those of the file, the others those of the lines in it.
	Bytes         int64  `json:"bytes"`
	SHA256        string `json:"sha256"`
	ContentBytes  int64  `json:"content_bytes"`
	ContentSHA256 string `json:"content_sha256"`
}

// segmentName is made of the range, so that a longer segment in place of a
// shorter one is another file, and one in which something was forgotten too.
func segmentName(first, last, rewritten uint64) string {
	if rewritten > 0 {
		return fmt.Sprintf("%016d-%016d.r%d.ndjson.zst", first, last, rewritten)
	}
	return fmt.Sprintf("%016d-%016d.ndjson.zst", first, last)
}

func newManifest(id streams.Identity, first uint64) Manifest {
	return Manifest{
		Format: format, Version: 1, Stream: Origin{Name: streams.StreamName, ID: id.ID, Created: id.Created.UTC()},
		FirstSeq: first, LastSeq: first - 1, Segments: []Segment{},
	}
}

// with returns the manifest with one segment more, which replaces the last ones
// that it begins before.
func (m Manifest) with(s Segment) Manifest {
	n := len(m.Segments)
	for n > 0 && m.Segments[n-1].FirstSeq >= s.FirstSeq {
		n--
	}
	m.Segments = append(m.Segments[:n:n], s)
	m.LastSeq = s.LastSeq
	return m.summed()
}

// instead returns the manifest with a segment in the place of the one that covers
// the same sequences.
func (m Manifest) instead(s Segment) Manifest {
	m.Segments = slices.Clone(m.Segments)
	for i := range m.Segments {
		if m.Segments[i].FirstSeq == s.FirstSeq {
			m.Segments[i] = s
		}
	}
	return m.summed()
}

// summed returns the manifest with what follows from its segments.
func (m Manifest) summed() Manifest {
	m.Version, m.Messages = 1, 0
	for _, s := range m.Segments {
		m.Messages += s.Messages
		if s.Rewritten > 0 {
			m.Version = version
		}
	}
	return m
}

// parseManifest reads a manifest and makes sure that it can be true.
func parseManifest(data []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return m, &DamageError{manifestName, "it is not JSON of its kind"}
	}
	switch {
	case m.Format != format:
		return m, &DamageError{manifestName, "it is not the manifest of an archive"}
	case m.Version > version:
		return m, fmt.Errorf("%w: version %d", ErrNewer, m.Version)
	}
	if what := m.wrong(); what != "" {
		return m, &DamageError{manifestName, what}
	}
	return m, nil
}

// wrong says what in the manifest contradicts itself, "" for nothing.
func (m *Manifest) wrong() string {
	if m.Version < 1 || m.Stream.ID == "" || m.Stream.Name != streams.StreamName || m.FirstSeq == 0 {
		return "it lacks a version, the stream or a first sequence"
	}
	next, messages := m.FirstSeq, uint64(0)
	for _, s := range m.Segments {
		switch {
		case s.FirstSeq != next || s.LastSeq < s.FirstSeq || s.LastSeq == ^uint64(0):
			return fmt.Sprintf("segment %q does not follow the one before", s.Name)
		case s.Name != segmentName(s.FirstSeq, s.LastSeq, s.Rewritten):
			return fmt.Sprintf("segment %q has another name than its sequences say", s.Name)
		case s.Messages > s.LastSeq-s.FirstSeq+1 || s.Erased != s.LastSeq-s.FirstSeq+1-s.Messages || s.Forgotten > s.Erased:
			return fmt.Sprintf("segment %q holds another number of messages than its sequences say", s.Name)
		case s.Bytes < 0 || s.ContentBytes < 0 || len(s.SHA256) != 64 || len(s.ContentSHA256) != 64:
			return fmt.Sprintf("segment %q lacks its sizes or hashes", s.Name)
		}
		next, messages = s.LastSeq+1, messages+s.Messages
	}
	if m.LastSeq != next-1 || m.Messages != messages {
		return "its sums are not those of its segments"
	}
	return ""
}

// readManifest reads the manifest of a folder. The error is ErrNoArchive where
// there is none.
func readManifest(dir string) (Manifest, error) {
	f, err := os.Open(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, fmt.Errorf("%s: %w", dir, ErrNoArchive)
	}
	if err != nil {
		return Manifest{}, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err != nil {
		return Manifest{}, err
	}
	m, err := parseManifest(data)
	if err != nil {
		return m, fmt.Errorf("%s: %w", dir, err)
	}
	return m, nil
}

// write puts the manifest in place: with it the archive is what it says.
func (m Manifest) write(dir string) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		return err
	}
	if err := renameio.WriteFile(filepath.Join(dir, manifestName), text.Bytes(), 0o600, renameio.IgnoreUmask()); err != nil {
		return err
	}
	return syncFolder(dir)
}

// syncFolder makes renames in a folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
