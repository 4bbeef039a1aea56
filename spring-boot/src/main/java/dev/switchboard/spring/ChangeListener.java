package dev.switchboard.spring;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * A method of a bean that takes the committed changes of a table: in commit order, after the commit, each at least once. It has
 * one parameter: a record or class that a row is read into (column {@code customer_id} as {@code customerId}), a {@link
 * RowChanged} of such a type, which also says what happened, or {@link dev.switchboard.engine.postgres.listener.RowChange}. A
 * parameter that is the row alone hears of inserts and updates; one that says what happened, of deletes as well.
 *
 * <p>Where it throws, the change is tried again, and in the end kept in table {@code switchboard_dead_letters}. A change is
 * confirmed when the method returns; a transaction that it begins has then ended. Of several instances of an application one
 * works, and the others wait for it to end.
 */
@Documented
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
public @interface ChangeListener {
    /** Name of the table. */
    String table();

    String schema() default "public";

    /** As subscriptions have it: {@code state=eq.paid}. Empty: every row. */
    String filter() default "";

    /**
     * Name of the listener in the database, a to z, 0 to 9 and _; its slot is called by it. By default made of the bean's and the
     * method's names, so that renaming either makes another listener.
     */
    String name() default "";

    /** Role under whose policies a row has to be visible. Empty: every row. */
    String role() default "";

    /** At one change, before it is kept as a dead letter. */
    int attempts() default 3;
}
