{#-
    Every row of the model, in these columns, is a row of the parent: a value that got lost, moved or changed on the
    way is in no row there. `columns` have the same name in both, `renamed` says what others are called in the parent.
-#}
{% test same_values_as(model, parent, columns, renamed={}) %}
select {{ (columns + renamed.keys() | list) | join(', ') }} from {{ model }}
except
select {{ (columns + renamed.values() | list) | join(', ') }} from {{ parent }}
{% endtest %}
