package embedded

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

// AdminUser is the name of the user with full rights.
const AdminUser = "rosey"

// credentialsFile holds the password of AdminUser inside the store directory.
const credentialsFile = "admin.password"

// CredentialsPath returns the file that holds the password of AdminUser for the
// server on a store directory, so that other commands of this installation can
// attach with full rights.
func CredentialsPath(storeDir string) string {
	return filepath.Join(storeDir, credentialsFile)
}

// ReadCredentials returns the user and password of the server on a store
// directory. The error is fs.ErrNotExist where no server ever ran.
func ReadCredentials(storeDir string) (user, password string, err error) {
	path := CredentialsPath(storeDir)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", "", fmt.Errorf("read the embedded server's password: %w", err)
	}
	password = strings.TrimSpace(string(text))
	if password == "" {
		return "", "", fmt.Errorf("password file %s is empty: remove it and restart the server", path)
	}
	return AdminUser, password, nil
}

// ensureCredentials returns the stored password or makes one. The caller holds
// the store's lock.
func ensureCredentials(storeDir string) (string, error) {
	_, password, err := ReadCredentials(storeDir)
	if err == nil {
		// A copied or restored folder may have lost the mode.
		return password, os.Chmod(CredentialsPath(storeDir), 0o600)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	password = rand.Text()
	path := CredentialsPath(storeDir)
	// It appears whole and synced: a power cut would leave an empty file otherwise.
	if err := renameio.WriteFile(path, []byte(password+"\n"), 0o600, renameio.IgnoreUmask()); err != nil {
		return "", fmt.Errorf("write password file: %w", err)
	}
	return password, nil
}
