package installation

import (
	"path/filepath"

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

func (d Dir) endpoint() string { return filepath.Join(string(d), "endpoint.json") }
