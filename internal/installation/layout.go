package installation

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rosey/events"
	"rosey/schema"
)

// Dir is a data folder.
type Dir string

// Database is the projection's place.
func (d Dir) Database() schema.Store { return schema.Store{Link: filepath.Join(string(d), "rosey.db")} }

// JetStream is the embedded server's store.
func (d Dir) JetStream() string { return filepath.Join(string(d), "jetstream") }

// Spool is the file of one channel's spool.
func (d Dir) Spool(channel string) string {
	return filepath.Join(string(d), "spool", events.Token(channel)+".db")
}

// Spools lists the spools of all channels.
func (d Dir) Spools() ([]string, error) {
	dir := filepath.Dir(d.Spool("channel"))
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("installation: list spools: %w", err)
	}
	var paths []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".db") && !e.IsDir() {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, nil
}

func (d Dir) endpoint() string { return filepath.Join(string(d), "endpoint.json") }
