package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"rosey/projector/query"
	"rosey/schema"
	"rosey/streams/service"
	"rosey/streams/streamstest"
)

func TestAnswerMeanwhile_FromTheOldTables(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	store := schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
	client := query.Client{Conn: env.Connect(t)}
	log := slog.New(slog.DiscardHandler)
	wrong := errors.New("wrong")
	err := answerMeanwhile(t.Context(), env.Stream, store, log, func() error {
		if _, err := client.Status(t.Context(), ""); !errors.Is(err, service.ErrNoService) {
			t.Errorf("without tables: %v", err)
		}
		return wrong
	})
	if !errors.Is(err, wrong) {
		t.Errorf("got %v", err)
	}
	db, err := schema.Create(t.Context(), store.Link+".g1")
	if err == nil {
		err = db.Close()
	}
	if err == nil {
		err = os.Symlink("rosey.db.g1", store.Link)
	}
	if err != nil {
		t.Fatal(err)
	}
	err = answerMeanwhile(t.Context(), env.Stream, store, log, func() error {
		_, err := client.Status(t.Context(), "")
		return err
	})
	if err != nil {
		t.Errorf("with tables: %v", err)
	}
	if _, err := client.Status(t.Context(), ""); !errors.Is(err, service.ErrNoService) {
		t.Errorf("afterwards: %v", err)
	}
}
