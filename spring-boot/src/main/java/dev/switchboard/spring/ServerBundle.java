package dev.switchboard.spring;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.http.TlsIdentity;
import java.security.KeyStore;
import java.security.KeyStoreException;
import java.util.Arrays;
import java.util.Collections;
import java.util.function.Consumer;
import javax.net.ssl.X509KeyManager;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.ssl.SslBundle;
import org.springframework.boot.ssl.SslBundles;

/** The SSL bundle whose certificate the server shows. */
record ServerBundle(String name, SslBundles bundles) {
    TlsIdentity identity() {
        return identity(bundles.getBundle(name));
    }

    /** @param taker of what a bundle that is reloaded has then */
    void onUpdate(Consumer<TlsIdentity> taker) {
        bundles.addBundleUpdateHandler(name, bundle -> taker.accept(identity(bundle)));
    }

    private TlsIdentity identity(SslBundle bundle) {
        if (!hasKey(bundle.getStores().getKeyStore())) { // the JDK makes a key manager of nothing, too
            throw new InvalidSettingException(
                    "SSL bundle " + name
                            + " has no certificate with its key; give it a keystore, or take switchboard.server.ssl-bundle away");
        }
        return Arrays.stream(bundle.getManagers().getKeyManagers())
                .filter(X509KeyManager.class::isInstance)
                .map(X509KeyManager.class::cast)
                .findFirst()
                .map(TlsIdentity.Managed::new)
                .orElseThrow(() -> new InvalidSettingException(
                        "SSL bundle " + name + " has key managers that know nothing of X.509"));
    }

    private static boolean hasKey(@Nullable KeyStore store) {
        try {
            if (store == null) {
                return false;
            }
            for (String alias : Collections.list(store.aliases())) {
                if (store.isKeyEntry(alias)) {
                    return true;
                }
            }
            return false;
        } catch (KeyStoreException unusable) {
            return false;
        }
    }
}
